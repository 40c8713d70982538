"""How long a context becomes that the settings leave open: a choice among exact plans. Pure.

1. The usual context, which the engine names (4096 tokens per slot, or all it was trained for), if it fits at all.
2. From there it grows in doublings up to the trained length, while the model stays within its share of every device and
   takes no more additional RAM than its weights have, or 512 MiB. llama.cpp clears a whole cache at each load, about as
   fast as weights are read: so no load gets more than about twice as long.
3. Where even the usual one does not fit, the longest that does of a few shorter ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsrv.protocol.events import ContextPlan
from lsrv.registry.memory.budget import RAM, shown
from lsrv.registry.memory.fitting.bounds import Bounds

USUAL = 0  # in a request for plans: what the engine chooses
_SHORTER = (2048, 1024, 512)
_LONGER = (8192, 16384, 32768, 65536, 131072)
_N_CELLS_MAX = 1 << 22  # plans of more cells take noticeable time and memory; who needs them says so
_CLEARED_BYTES = 512 * 1024**2  # a fraction of a second, whatever the size of the model


@dataclass(frozen=True)
class ChosenContext:
    """The context to load with. `because`: why, for people."""

    plan: ContextPlan
    because: str


def lengths_to_plan(n_ctx_train: int, n_slots: int) -> list[int]:
    """Every length that `choose_context` may want to know of; the usual one first. `n_ctx_train` 0: unknown."""
    longest = min(n_ctx_train, _LONGER[-1], _N_CELLS_MAX // n_slots)
    longer = [n for n in _LONGER if n < longest]
    if longest >= _LONGER[0]:
        longer.append(longest)
    return [USUAL, *longer, *(n for n in _SHORTER if n < n_ctx_train or not n_ctx_train)]


def choose_context(contexts: Sequence[ContextPlan], bounds: Bounds, n_ctx_train: int) -> ChosenContext:
    """Which of `contexts` to load, the first being the usual one. Where none fits it is the shortest, to be refused."""
    usual = contexts[0]
    if not bounds.can_hold(usual):
        return _shortened(usual, [each for each in contexts if each.n_ctx_seq < usual.n_ctx_seq], bounds)
    chosen = usual
    for plan in _growing(usual, contexts):
        obstacle = _obstacle(usual, plan, bounds)
        if obstacle:
            return ChosenContext(chosen, f"{plan.n_ctx_seq} tokens would take {obstacle}")
        chosen = plan
    is_all = chosen.n_ctx_seq >= n_ctx_train > 0
    return ChosenContext(
        chosen, "all that the model was trained for" if is_all else "the longest that is chosen unasked"
    )


def _growing(usual: ContextPlan, contexts: Sequence[ContextPlan]) -> Iterator[ContextPlan]:
    yield from sorted((each for each in contexts if each.n_ctx_seq > usual.n_ctx_seq), key=lambda each: each.n_ctx_seq)


def _obstacle(usual: ContextPlan, plan: ContextPlan, bounds: Bounds) -> str:
    """Why the context does not grow to `plan`; empty if it may."""
    if not bounds.is_comfortable(plan):
        share = {device: n_bytes for device, n_bytes in bounds.share.items() if device in plan.memory.by_device}
        return f"{shown(bounds.need(plan))}, and the share of one model is {shown(share)}"
    cleared_bytes = plan.memory.by_device.get(RAM, 0) - usual.memory.by_device.get(RAM, 0)
    if cleared_bytes > max(_CLEARED_BYTES, plan.memory.weights_bytes):
        return f"{shown({RAM: cleared_bytes})} more, which every load would have to clear"
    return ""


def _shortened(usual: ContextPlan, shorter: Sequence[ContextPlan], bounds: Bounds) -> ChosenContext:
    because = f"{usual.n_ctx_seq} tokens would take {shown(bounds.need(usual))}, and there is {shown(bounds.available)}"
    by_length = sorted((usual, *shorter), key=lambda each: -each.n_ctx_seq)
    chosen = next((each for each in by_length if bounds.can_hold(each)), by_length[-1])
    return ChosenContext(chosen, because)
