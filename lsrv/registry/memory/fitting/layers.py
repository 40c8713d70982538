"""How many layers go onto GPUs: a search along a ladder of settings, each judged by its exact plan. Pure.

The ladder's foot uses no GPU at all, its top has everything there. Between them lie one more layer per rung; of a model
with experts first all layers without their experts, which are most of the weights and the least of the work, and then
the experts of one more layer per rung. What GPUs hold grows with every rung, almost evenly, so that a straight line
through two plans nearly hits the rung where they are full (as in llama.cpp's common/fit.cpp).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan
from lsrv.registry.memory.budget import RAM
from lsrv.registry.memory.fitting.bounds import Bounds

FOOT = 0
_N_LINES = 6  # so many plans are chosen by a line; then the rest is halved each time


@dataclass(frozen=True)
class Ladder:
    """Ways to lay a model of `n_layers` blocks and an output layer onto GPUs, the least first."""

    n_layers: int
    has_experts: bool

    @property
    def top(self) -> int:
        return self.n_layers + 1 + (self.n_layers if self.has_experts else 0)

    def params(self, params: LoadParams, rung: int) -> LoadParams:
        """`params` with what `rung` puts onto GPUs."""
        if rung == FOOT:
            return msgspec.structs.replace(params, n_gpu_layers=0, n_cpu_moe=0, split_mode="none", main_gpu=-1)
        n_with_experts = rung - self.n_layers - 1
        return msgspec.structs.replace(
            params,
            n_gpu_layers=rung if n_with_experts < 0 else -1,
            n_cpu_moe=min(self.n_layers, self.n_layers - n_with_experts) if self.has_experts else 0,
        )

    def shown(self, rung: int) -> str:
        """A rung in words, for people."""
        n_with_experts = rung - self.n_layers - 1
        if not self.has_experts or n_with_experts < 0:
            return f"{rung} of {self.n_layers + 1} layers"
        return f"all layers, the experts of {n_with_experts} of {self.n_layers}"


def fill(plan: ContextPlan, bounds: Bounds) -> float:
    """How full the fullest GPU would be; up to 1 it fits."""
    parts = [
        n_bytes / bounds.available[device] if bounds.available.get(device, 0) > 0 else float("inf")
        for device, n_bytes in plan.memory.by_device.items()
        if device != RAM and n_bytes
    ]
    return max(parts, default=0.0)


def next_rung(fills: Mapping[int, float], top: int) -> int | None:
    """The rung to plan next, after those in `fills`; None: the highest that fits is known, or it is the foot."""
    high = min((rung for rung, filled in fills.items() if filled > 1), default=top + 1)
    low = highest_fitting(fills)
    if high - low <= 1:
        return None
    if high > top:
        return top
    if len(fills) > _N_LINES:
        return (low + high) // 2
    filled = fills.get(low, 0.0)
    guess = low + int((high - low) * (1 - filled) / (fills[high] - filled))
    return min(max(guess, low + 1), high - 1)


def highest_fitting(fills: Mapping[int, float]) -> int:
    """The highest planned rung that fits; the foot, which needs no GPU, if none does."""
    return max((rung for rung, filled in fills.items() if filled <= 1), default=FOOT)
