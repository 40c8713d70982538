"""`quant = "auto"`: the largest weights on offer that fit, by exact plans. For the thread that looks for weights."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from lsrv.config import ModelSettings, Settings
from lsrv.errors import NotEnoughMemoryError
from lsrv.frontdoor.finding.choice import Candidate, NoChoiceError
from lsrv.frontdoor.finding.memory_fit import Fit, choose_auto
from lsrv.frontdoor.finding.offers import Offer
from lsrv.registry.loading.offer_plan import params_to_plan
from lsrv.registry.memory.budget import RAM, Budget, only_bytes
from lsrv.registry.memory.planner import Planner


def choose_offer(
    planner: Planner,
    loop: asyncio.AbstractEventLoop,
    settings: Settings,
    model: ModelSettings,
    offers: Sequence[Offer],
    taken: Mapping[str, int],
) -> tuple[Offer, str]:
    """The offer to take, and why. `loop` is the planner's, and not this thread's; `taken`: what our own models hold.

    Raises NotEnoughMemoryError if nothing fits, and what looking at heads and planning raise.
    """
    by_candidate = {offer.candidate: offer for offer in offers}
    budget = Budget(settings.server)

    def plan(candidate: Candidate) -> Fit:
        _, params = params_to_plan(model, by_candidate[candidate])
        planned = asyncio.run_coroutine_threadsafe(planner.plan(params), loop).result()
        budget.note_devices(planned.devices, taken)
        needed = budget.need(planned.contexts[0].by_device)
        return Fit(only_bytes(needed), only_bytes(budget.limit(taken.get(RAM, 0))))

    try:
        choice = choose_auto(by_candidate, lambda candidate: by_candidate[candidate].size_bytes, plan)
    except NoChoiceError as error:
        raise NotEnoughMemoryError(f"{model.model_id}: {error}") from None
    return by_candidate[choice.candidate], choice.because
