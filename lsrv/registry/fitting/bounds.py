"""How much one model may take of each device: all there is if it must, its share where it may choose. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lsrv.protocol.events import ContextPlan
from lsrv.registry import room
from lsrv.registry.room import Memory


@dataclass(frozen=True)
class Bounds:
    """`available`: what pinned models leave. `free`: what nobody holds now. `share`: what other entries can spare.

    `need_of`: all that a load takes whose buffers are these bytes by device.
    """

    available: Memory
    free: Memory
    share: Memory
    need_of: Callable[[Mapping[str, int]], Memory]

    def need(self, plan: ContextPlan) -> Memory:
        """All that a load by `plan` takes."""
        return self.need_of(plan.by_device)

    def can_hold(self, plan: ContextPlan) -> bool:
        """Whether it fits once whoever may leave has left."""
        return room.fits(self.need(plan), self.available)

    def is_comfortable(self, plan: ContextPlan) -> bool:
        """Whether it stays within this model's share."""
        return room.fits(self.need(plan), self.share)
