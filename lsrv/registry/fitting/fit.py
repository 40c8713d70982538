"""From what the settings say to what is loaded: asks for the plans that the decisions need, in few turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, DeviceMemory, Planned
from lsrv.registry.fitting.bounds import Bounds
from lsrv.registry.fitting.context import choose_context, lengths_to_plan

Ask = Callable[[LoadParams, Sequence[int]], Awaitable[Planned]]  # exact plans for several context lengths
FindBounds = Callable[[Mapping[str, DeviceMemory]], Bounds]  # by what devices have free now

_USUAL_SLOTS = 4  # the engine's own number may be smaller, never larger


class Fitted(msgspec.Struct, frozen=True):
    """What to load, what it takes, and why it is this. `because` is empty where the settings left nothing open."""

    params: LoadParams
    plan: ContextPlan
    because: str = ""


async def fit(ask: Ask, params: LoadParams, n_ctx_train: int, find_bounds: FindBounds) -> Fitted:
    """`params` with a context that fits this machine. Raises what `ask` does."""
    if params.n_ctx_seq:
        planned = await ask(params, [])
        find_bounds(planned.devices)
        return Fitted(params, planned.contexts[0])
    # All inputs of a step share an embedding context, and attention costs its square: longer ones would be slower.
    n_known = 0 if params.is_embedding else n_ctx_train
    planned = await ask(params, lengths_to_plan(n_known, params.n_slots or _USUAL_SLOTS))
    chosen = choose_context(planned.contexts, find_bounds(planned.devices), n_ctx_train)
    params = msgspec.structs.replace(params, n_ctx_seq=chosen.plan.n_ctx_seq)
    return Fitted(params, chosen.plan, chosen.because)
