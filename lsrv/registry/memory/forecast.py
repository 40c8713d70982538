"""What would become of one more load: `arbiter.decide` without effects. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lsrv.model_id import ModelId
from lsrv.registry.memory import arbiter
from lsrv.registry.memory.arbiter import MemoryAmounts, Resident, Stay, Want

ForecastVerdict = Literal["fits", "evicts", "waits", "refused"]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """`leaving`: who makes room, now or in the end. `busy`: those of them that serve or load, and are waited for."""

    verdict: ForecastVerdict
    needed: MemoryAmounts
    budget: MemoryAmounts
    free: MemoryAmounts
    available: MemoryAmounts  # what pinned models leave of the budget
    leaving: Sequence[ModelId] = ()
    busy: Sequence[ModelId] = ()


def forecast(
    want: Want,
    others: Sequence[Want],
    residents: Sequence[Resident],
    budget: MemoryAmounts,
    patience_s: float,
    now_s: float,
) -> Forecast:
    """What would be decided about `want` now, where `others` wait already."""
    decided = arbiter.decide([*others, want], residents, budget, patience_s, now_s)
    leaving = [each.model_id for each in decided.evicted if each.successor == want.model_id]
    if want.model_id in (each.model_id for each in decided.refused):
        verdict: ForecastVerdict = "refused"
    elif want.model_id in decided.admitted:
        verdict = "fits"
    elif leaving:
        verdict = "evicts"
    else:
        verdict = "waits"
        calm = arbiter.decide([want], [_calmed(each) for each in residents], budget, patience_s, now_s)
        leaving = [each.model_id for each in calm.evicted]
    return Forecast(
        verdict=verdict,
        needed=want.memory,
        budget=budget,
        free=arbiter.minus(budget, arbiter.total(each.memory for each in residents)),
        available=arbiter.minus(budget, arbiter.total(each.memory for each in residents if each.is_pinned)),
        leaving=leaving,
        busy=[each.model_id for each in residents if each.model_id in leaving and not each.may_leave_now],
    )


def _calmed(resident: Resident) -> Resident:
    """`resident` when its load and its requests are over."""
    stay = Stay.LOADED if resident.stay is Stay.LOADING else resident.stay
    return replace(resident, stay=stay, n_running=0, n_waiting=0)
