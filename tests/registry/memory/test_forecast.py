"""What would become of one more load."""

from __future__ import annotations

import pytest

from lsrv.registry.memory.arbiter import Resident, Stay, Want
from lsrv.registry.memory.forecast import Forecast, forecast

NOW_S = 1000.0


def ask(*residents: Resident, others: tuple[Want, ...] = (), size: int = 4, budget: int = 8) -> Forecast:
    want = Want(model_id="new", memory={"CPU": size}, since_s=NOW_S)
    return forecast(want, others, residents, {"CPU": budget}, patience_s=10.0, now_s=NOW_S)


def resident(model_id: str, **more: object) -> Resident:
    return Resident(model_id=model_id, memory={"CPU": 4}, last_used_s=NOW_S - 60, **more)  # type: ignore[arg-type]


def test_beside_another_model_it_fits() -> None:
    found = ask(resident("a"))
    assert (found.verdict, found.leaving, found.free) == ("fits", [], {"CPU": 4})


def test_idle_models_would_leave() -> None:
    found = ask(resident("a"), resident("b", n_running=1))
    assert (found.verdict, found.leaving, found.busy) == ("evicts", ["a"], [])


@pytest.mark.parametrize("busy", [{"n_running": 1}, {"n_waiting": 1}, {"stay": Stay.LOADING}], ids=str)
def test_models_that_serve_or_load_would_be_waited_for(busy: dict[str, object]) -> None:
    found = ask(resident("a", **busy), budget=4)
    assert (found.verdict, found.leaving, found.busy) == ("waits", ["a"], ["a"])


def test_memory_that_somebody_waits_for_already_is_not_promised_twice() -> None:
    first = Want(model_id="first", memory={"CPU": 4}, since_s=NOW_S - 1)
    found = ask(resident("gone", stay=Stay.LEAVING), others=(first,), budget=4)
    assert (found.verdict, found.leaving) == ("waits", [])


def test_beside_pinned_models_it_may_never_fit() -> None:
    found = ask(resident("a", is_pinned=True), size=6)
    assert (found.verdict, found.available) == ("refused", {"CPU": 4})
