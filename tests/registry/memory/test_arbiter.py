"""Who gets memory: examples of each rule, all rules under random work, and the policy against simpler ones."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv.model_id import ModelId
from lsrv.registry.memory.arbiter import Eviction, Refusal, Resident, Stay, Want, decide, surplus
from tests.registry.memory.simulation import Machine, Model, Request, alternating, first_come_first_served, popular

PATIENCE_S = 10.0
NOW_S = 1000.0
FOUR, EIGHT = {"CPU": 4}, {"CPU": 8}


def want(model_id: str = "new", size: int = 4, since_s: float = NOW_S, **more: int) -> Want:
    return Want(model_id=model_id, memory={"CPU": size}, since_s=since_s, **more)


def resident(model_id: str, size: int = 4, last_used_s: float = NOW_S - 60, **more: object) -> Resident:
    return Resident(model_id=model_id, memory={"CPU": size}, last_used_s=last_used_s, **more)  # type: ignore[arg-type]


def test_what_fits_is_admitted_and_nobody_leaves() -> None:
    verdict = decide([want()], [resident("a")], EIGHT, PATIENCE_S, NOW_S)
    assert (verdict.admitted, verdict.evicted, verdict.held) == (["new"], [], set())


def test_the_one_idle_for_longest_leaves_first() -> None:
    residents = [resident("young", last_used_s=NOW_S - 10), resident("old", last_used_s=NOW_S - 500)]
    verdict = decide([want()], residents, EIGHT, PATIENCE_S, NOW_S)
    assert verdict.evicted == [Eviction("old", "new")]
    assert verdict.admitted == [], "not before its memory is back"


def test_of_models_idle_for_about_as_long_the_one_that_is_soonest_back_leaves() -> None:
    residents = [resident("slow", last_used_s=NOW_S - 62, reload_s=30.0), resident("quick", reload_s=1.0)]
    assert decide([want()], residents, EIGHT, PATIENCE_S, NOW_S).evicted == [Eviction("quick", "new")]


@pytest.mark.parametrize(
    "protected", [{"is_pinned": True}, {"n_running": 1}, {"n_waiting": 1}, {"stay": Stay.LOADING}], ids=str
)
def test_pinned_busy_awaited_and_loading_models_stay(protected: dict[str, object]) -> None:
    residents = [resident("a", last_used_s=0.0, **protected), resident("b")]
    assert decide([want()], residents, EIGHT, PATIENCE_S, NOW_S).evicted == [Eviction("b", "new")]


def test_a_lower_priority_leaves_before_a_longer_idleness() -> None:
    residents = [resident("low", last_used_s=NOW_S - 1, priority=-1), resident("old", last_used_s=0.0)]
    assert decide([want()], residents, EIGHT, PATIENCE_S, NOW_S).evicted == [Eviction("low", "new")]


def test_for_copies_nobody_leaves_or_is_held_or_waits() -> None:
    copies = want("copied", since_s=0.0, is_for_copies=True)
    for others in ([resident("idle"), resident("pinned", is_pinned=True)], [resident("busy", 8, n_running=1)]):
        verdict = decide([copies], others, EIGHT, PATIENCE_S, NOW_S)
        assert (verdict.admitted, verdict.evicted, verdict.held) == ([], [], set())
    leaving = [resident("gone", 8, stay=Stay.LEAVING)]
    wants = [copies, want("new", 8)]
    assert decide(wants, leaving, EIGHT, PATIENCE_S, NOW_S).admitted == []
    assert decide(wants, [], EIGHT, PATIENCE_S, NOW_S).admitted == ["copied"], "unless it fits"


def test_a_preload_gives_up_instead_of_making_others_leave_or_wait() -> None:
    preload = want("preload", since_s=0.0, is_preload=True)
    for there in (resident("idle", 8), resident("busy", 8, n_running=1), resident("loading", 8, stay=Stay.LOADING)):
        verdict = decide([preload], [there], EIGHT, PATIENCE_S, NOW_S)
        assert (verdict.given_up, verdict.evicted, verdict.held) == (["preload"], [], set())
    assert decide([preload], [resident("small", 4)], EIGHT, PATIENCE_S, NOW_S).admitted == ["preload"]
    leaving = decide([preload], [resident("gone", 8, stay=Stay.LEAVING)], EIGHT, PATIENCE_S, NOW_S)
    assert (leaving.given_up, leaving.admitted) == ([], []), "what leaves anyway is waited for"
    borrowed = decide([preload], [resident("borrowed", 8, is_borrowed=True)], EIGHT, PATIENCE_S, NOW_S)
    assert borrowed.evicted == [Eviction(ModelId("borrowed"), ModelId("preload"))], "copies keep nobody out"


def test_what_was_loaded_for_copies_leaves_before_anybody_else() -> None:
    residents = [
        resident("low", last_used_s=0.0, priority=-9),
        resident("borrowed", last_used_s=NOW_S, priority=9, is_borrowed=True),
    ]
    assert decide([want()], residents, EIGHT, PATIENCE_S, NOW_S).evicted == [Eviction("borrowed", "new")]


def test_a_smaller_budget_sends_off_who_is_idle_and_no_more_than_it_takes() -> None:
    residents = [resident("busy", last_used_s=0.0, n_running=1), resident("old", last_used_s=1.0), resident("young")]
    for budget, leaving in ((12, []), (8, ["old"]), (4, ["old", "young"]), (0, ["old", "young"])):
        assert surplus(residents, {"CPU": budget}, NOW_S) == leaving


def test_nobody_leaves_in_vain() -> None:
    residents = [resident("small", 1, last_used_s=0.0), resident("big", 6)]
    assert decide([want(size=6)], residents, EIGHT, PATIENCE_S, NOW_S).evicted == [Eviction("big", "new")]


def test_memory_of_those_who_leave_already_is_waited_for() -> None:
    residents = [resident("gone", stay=Stay.LEAVING), resident("idle")]
    verdict = decide([want()], residents, EIGHT, PATIENCE_S, NOW_S)
    assert (verdict.admitted, verdict.evicted) == ([], [])


def test_memory_that_a_first_want_waits_for_is_not_given_to_a_second() -> None:
    residents = [resident("gone", 5, stay=Stay.LEAVING)]
    wants = [want("first", 7, NOW_S - 2), want("second", 2, NOW_S - 1)]
    verdict = decide(wants, residents, EIGHT, PATIENCE_S, NOW_S)
    assert (verdict.admitted, verdict.evicted) == ([], [])


def test_what_never_fits_is_refused_with_the_numbers() -> None:
    residents = [resident("pinned", 3, is_pinned=True)]
    assert decide([want(size=6)], residents, EIGHT, PATIENCE_S, NOW_S).refused == [
        Refusal("new", {"CPU": 6}, {"CPU": 5})
    ]


def test_a_busy_model_serves_on_for_the_patience_and_is_then_held() -> None:
    busy = resident("busy", n_running=2, since_s=NOW_S - 100)
    early = decide([want(since_s=NOW_S - 3)], [busy], FOUR, PATIENCE_S, NOW_S)
    assert (early.held, early.wake_s) == (set(), NOW_S + 7)
    late = decide([want(since_s=NOW_S - 10)], [busy], FOUR, PATIENCE_S, NOW_S)
    assert (late.held, late.evicted) == ({"busy"}, [])


def test_a_model_just_loaded_has_its_time_however_long_the_others_waited() -> None:
    busy = resident("busy", n_running=2, since_s=NOW_S - 1)
    verdict = decide([want(since_s=NOW_S - 50)], [busy], FOUR, PATIENCE_S, NOW_S)
    assert (verdict.held, verdict.wake_s) == (set(), NOW_S + 9)


def test_every_kind_of_memory_counts() -> None:
    new = Want(model_id="new", memory={"CPU": 1, "CUDA0": 6}, since_s=NOW_S)
    residents = [
        Resident(model_id="ram", memory=EIGHT),
        Resident(model_id="gpu", memory={"CPU": 1, "CUDA0": 6}, last_used_s=NOW_S),
    ]
    assert decide([new], residents, {"CPU": 10, "CUDA0": 8}, PATIENCE_S, NOW_S).evicted == [Eviction("gpu", "new")]


MODELS = st.lists(
    st.builds(
        lambda size, load_s, n_slots, priority: (size, load_s, n_slots, priority),
        st.integers(1, 8),
        st.floats(0.1, 5.0),
        st.integers(1, 3),
        st.integers(-1, 1),
    ),
    min_size=1,
    max_size=6,
)


@given(MODELS, st.data())
@settings(max_examples=150, deadline=None)
def test_every_request_is_answered_in_bounded_time_and_no_memory_is_promised_twice(
    shapes: list[tuple[int, float, int, int]], data: st.DataObject
) -> None:
    models = [
        Model(model_id=str(i), memory={"CPU": size}, load_s=load_s, n_slots=n_slots, priority=priority)
        for i, (size, load_s, n_slots, priority) in enumerate(shapes)
    ]
    request = st.builds(
        Request,
        st.floats(0.0, 30.0),
        st.sampled_from([model.model_id for model in models]),
        st.floats(0.01, 3.0),
        priority=st.integers(-3, 3),
    )
    requests = data.draw(st.lists(request, min_size=1, max_size=40))
    outcome = Machine(models, EIGHT, patience_s=2.0).run(requests)
    assert len(outcome.waits_s) == len(requests)


def test_nobody_starves_beside_a_model_that_is_never_idle() -> None:
    models = [Model(model_id=name, memory=FOUR, load_s=0.5) for name in ("busy", "rare")]
    requests = [Request(0.1 * i, "busy", 0.4) for i in range(1200)] + [Request(30.0, "rare", 0.4)]
    machine = Machine(models, FOUR, patience_s=5.0)
    assert max(machine.run(requests).waits_s) < 5.0 + 0.4 + 0.5 + 1 + 1, "patience, what ran, a load, and its own work"


def test_a_low_request_gets_its_model_loaded_beside_two_that_are_always_urgent() -> None:
    models = [Model(model_id=name, memory=FOUR, load_s=0.5) for name in ("a", "b", "rare")]
    urgent = [Request(0.1 * i, "ab"[i % 2], 0.3, priority=2) for i in range(1200)]
    late = Request(30.0, "rare", 0.3, priority=-2)
    outcome = Machine(models, FOUR, patience_s=5.0).run([*urgent, late])
    waited_s = outcome.waits_s[outcome.served.index(late)]
    steps_s, turns_s = 4 * 5.0, 2 * (5.0 + 0.3 + 0.5 + 1.0)
    assert 15.0 < waited_s < steps_s + turns_s, "four steps of priority are worth as many patiences, and no more"


def test_alternating_clients_get_several_times_what_first_come_first_served_gives() -> None:
    models = [Model(model_id=name, memory=FOUR, load_s=1.0, n_slots=8) for name in ("a", "b")]
    patient = Machine(models, FOUR, patience_s=10.0).run(alternating(8, 20, ("a", "b"), work_s=0.2))
    in_order = first_come_first_served(models, [Request(0.0, "ab"[i % 2], 0.2) for i in range(8 * 20)])
    assert patient.requests_per_s >= 3 * in_order.requests_per_s
    assert patient.n_loads <= 21, "one load for all who wait for a model"


@pytest.mark.parametrize("seed", range(3))
def test_under_load_patience_spares_loads_and_waits(seed: int) -> None:
    rng = Random(seed)
    models = [Model(model_id=name, memory=FOUR, load_s=2.0) for name in "abcd"]
    requests = [Request(0.15 * i, rng.choice("abcd"), 0.3) for i in range(1500)]
    patient, hasty = (Machine(models, EIGHT, patience_s=patience_s).run(requests) for patience_s in (10.0, 0.0))
    in_order = first_come_first_served(models, requests)
    assert patient.requests_per_s >= 3 * in_order.requests_per_s
    assert patient.n_loads < 0.6 * hasty.n_loads
    assert math.fsum(patient.waits_s) < math.fsum(hasty.waits_s)
    assert max(patient.waits_s) < len(models) * (10.0 + 2.0 + 1.0)


@pytest.mark.parametrize("seed", range(2))
def test_hundreds_of_models_and_thousands_of_requests(seed: int) -> None:
    rng = Random(seed)
    models = [
        Model(model_id=f"m{i}", memory={"CPU": rng.choice((1, 2, 4, 8))}, load_s=rng.uniform(0.5, 8.0))
        for i in range(200)
    ]
    requests = popular(rng, [model.model_id for model in models], 2000, per_s=4.0, work_s=0.5)
    outcome = Machine(models, {"CPU": 32}, patience_s=10.0).run(requests)
    assert len(outcome.waits_s) == len(requests)
