"""How much one model may take of each device: all there is if it must, its share where it may choose. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lsrv.protocol.events import ContextPlan
from lsrv.registry.memory import arbiter
from lsrv.registry.memory.arbiter import MemoryAmounts


@dataclass(frozen=True)
class Bounds:
    """`available`: what pinned models leave. `free`: what nobody holds now. `share`: what other entries can spare.

    `need_of`: all that a load takes whose buffers are these bytes by device.
    """

    available: MemoryAmounts
    free: MemoryAmounts
    share: MemoryAmounts
    need_of: Callable[[Mapping[str, int]], MemoryAmounts]

    def need(self, plan: ContextPlan) -> MemoryAmounts:
        """All that a load by `plan` takes."""
        return self.need_of(plan.by_device)

    def can_hold(self, plan: ContextPlan) -> bool:
        """Whether it fits once whoever may leave has left."""
        return arbiter.fits(self.need(plan), self.available)

    def is_comfortable(self, plan: ContextPlan) -> bool:
        """Whether it stays within this model's share."""
        return arbiter.fits(self.need(plan), self.share)
