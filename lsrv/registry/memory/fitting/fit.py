"""From what the settings say to what is loaded: asks for the plans that the decisions need, in few turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, DeviceMemory
from lsrv.registry.memory.budget import RAM
from lsrv.registry.memory.fitting.bounds import Bounds
from lsrv.registry.memory.fitting.context import choose_context, lengths_to_plan
from lsrv.registry.memory.fitting.placement import Ask, place

FindBounds = Callable[[Mapping[str, DeviceMemory]], Bounds]  # by what devices have free now

_NO_GPU = "no GPU that llama.cpp can use: all of it is on the CPU"
_USUAL_SLOTS = 4  # the engine's own number may be smaller, never larger


@dataclass(frozen=True)
class Openness:
    """What the settings leave open beside a context length of 0. `n_ctx_train`: what the weights say; 0: nothing."""

    n_ctx_train: int
    has_open_layers: bool


class Fitted(msgspec.Struct, frozen=True):
    """What to load, and what it takes. Why, for people: empty where nothing was open."""

    params: LoadParams
    plan: ContextPlan
    context_because: str = ""
    place_because: str = ""


async def fit(ask: Ask, params: LoadParams, openness: Openness, find_bounds: FindBounds) -> Fitted:
    """`params` with a place and a context that fit this machine. Raises what `ask` does.

    Layers come first: a context is as long as usual before any of them leaves the GPU, and longer once all are there.
    Where RAM is short as well, it is shortened in the place that was found for the usual one, and then prompts without
    a slot get less.
    """
    n_slots = params.n_slots or _USUAL_SLOTS
    lengths = [params.n_ctx_seq] if params.n_ctx_seq else lengths_to_plan(openness.n_ctx_train, n_slots)
    planned = await ask(params, lengths)
    bounds = find_bounds(planned.devices)
    place_because = "" if planned.devices or params.main_gpu < 0 else _NO_GPU
    if openness.has_open_layers and planned.devices:
        placed = await place(ask, params, planned, lengths[0], bounds)
        place_because = placed.because
        params, planned = placed.params, await ask(placed.params, lengths)
    if params.n_ctx_seq:
        plan = _squeezed(params, planned.contexts[0], bounds)
        return Fitted(_filled(params, plan), plan, place_because=place_because)
    chosen = choose_context(planned.contexts, bounds, openness.n_ctx_train)
    plan = _squeezed(params, chosen.plan, bounds)
    return Fitted(_filled(params, plan), plan, chosen.because, place_because)


def _squeezed(params: LoadParams, plan: ContextPlan, bounds: Bounds) -> ContextPlan:
    """`plan`, with as much RAM for prompts without a slot as it leaves, where the settings leave that open."""
    if params.cache_ram_bytes >= 0:
        return plan
    bare = msgspec.structs.replace(plan, store_bytes=0)
    left_bytes = bounds.available.get(RAM, 0) - bounds.need(bare).get(RAM, 0)
    return msgspec.structs.replace(plan, store_bytes=max(0, min(plan.store_bytes, left_bytes)))


def _filled(params: LoadParams, plan: ContextPlan) -> LoadParams:
    """`params` with what was open as `plan` has it: the load shall take what was promised, whatever is free by then."""
    return msgspec.structs.replace(params, n_ctx_seq=plan.n_ctx_seq, cache_ram_bytes=plan.store_bytes)
