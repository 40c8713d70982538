"""Where a model lies whose settings leave that open: asks for plans until the best place is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, Planned
from lsrv.registry.memory.budget import shown
from lsrv.registry.memory.fitting import gpus
from lsrv.registry.memory.fitting.bounds import Bounds
from lsrv.registry.memory.fitting.layers import FOOT, Ladder, fill, highest_fitting, next_rung

Ask = Callable[[LoadParams, Sequence[int]], Awaitable[Planned]]  # exact plans for several context lengths


@dataclass(frozen=True)
class Placement:
    """`params` say where the model lies, `plan` what it takes there, `because` why, for people."""

    params: LoadParams
    plan: ContextPlan
    because: str


async def place(ask: Ask, params: LoadParams, planned: Planned, n_ctx_seq: int, bounds: Bounds) -> Placement:
    """The best place for a context of `n_ctx_seq`. `planned`: what `params` take with all layers on all GPUs.

    1. One GPU with room for everything, where there are several. 2. All of them, in shares by their room. 3. As many
    layers as fit, the rest in RAM.
    """
    found = planned.contexts[0]
    names = list(planned.devices)
    if gpus.has_open_split(params, names):
        for index in gpus.lone_gpus(found, bounds, names):
            wanted = gpus.alone(params, index)
            plan = await _plan(ask, wanted, n_ctx_seq)
            if fill(plan, bounds) <= 1:
                return Placement(wanted, plan, f"all layers on {names[index]}")
        params, found = await _split(ask, params, n_ctx_seq, names, bounds)
    if fill(found, bounds) <= 1:
        return Placement(params, found, f"all layers on {' and '.join(gpus.on_gpus(found)) or 'the CPU'}")
    return await _climb(ask, params, Ladder(planned.n_layers, planned.has_experts), found, n_ctx_seq, bounds)


async def _split(
    ask: Ask, params: LoadParams, n_ctx_seq: int, names: Sequence[str], bounds: Bounds
) -> tuple[LoadParams, ContextPlan]:
    first = gpus.split(params, names, bounds.available)
    plan = await _plan(ask, first, n_ctx_seq)
    if fill(plan, bounds) <= 1:
        return first, plan
    second = gpus.split(params, names, gpus.corrected(first.tensor_split, names, plan, bounds))
    again = await _plan(ask, second, n_ctx_seq)
    return (second, again) if fill(again, bounds) < fill(plan, bounds) else (first, plan)


async def _climb(
    ask: Ask, params: LoadParams, ladder: Ladder, full: ContextPlan, n_ctx_seq: int, bounds: Bounds
) -> Placement:
    plans = {ladder.top: full}
    fills = {ladder.top: fill(full, bounds)}
    while (rung := next_rung(fills, ladder.top)) is not None:
        plans[rung] = await _plan(ask, ladder.params(params, rung), n_ctx_seq)
        fills[rung] = fill(plans[rung], bounds)
    best = highest_fitting(fills)
    chosen = ladder.params(params, best)
    if best not in plans:
        plans[FOOT] = await _plan(ask, chosen, n_ctx_seq)
    because = f"{ladder.shown(best)} on GPUs: all would take {shown(gpus.on_gpus(full))}"
    room = {gpu: bounds.available.get(gpu, 0) for gpu in gpus.on_gpus(full)}
    return Placement(chosen, plans[best], f"{because}, and there is {shown(room)}")


async def _plan(ask: Ask, params: LoadParams, n_ctx_seq: int) -> ContextPlan:
    return (await ask(params, [n_ctx_seq])).contexts[0]
