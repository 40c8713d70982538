"""When a load starts, who shares it, when it is given up, and when it is tried again."""

from __future__ import annotations

from lsrv.registry.entries.effects import Grant, Reject, Report, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import (
    Arrived,
    Died,
    EnableAsked,
    Left,
    LoadAsked,
    LoadDone,
    LoadLost,
    NoRoom,
    PreloadAsked,
    Removed,
    Stopped,
    UnloadAsked,
)
from lsrv.registry.entries.phase import Phase
from tests.registry.entries.histories import BROKEN, DEATH, entry, loaded, rejected


def test_a_load_nobody_awaits_is_cancelled() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    assert state.handle(Left(1), 0.0) == [StopAttempt(1, "nobody waited for it any more")]
    assert state.handle(LoadDone(1, 2), 0.0) == []
    assert state.handle(Stopped(1), 0.0) == []
    assert state.phase is Phase.UNLOADED


def test_a_load_an_operator_asked_for_goes_on_without_waiters() -> None:
    state = entry()
    state.handle(LoadAsked(1), 0.0)
    state.handle(Arrived(2), 0.0)
    assert state.handle(Left(2), 0.0) == []
    assert state.handle(LoadDone(1, 2), 0.0) == [Report(1)]


def test_a_preload_gives_up_for_want_of_room_unless_somebody_else_wants_it() -> None:
    state = entry()
    state.handle(PreloadAsked(), 0.0)
    assert state.handle(NoRoom("full"), 0.0) == [StopAttempt(1, "full")]
    assert state.handle(Stopped(1), 0.0) == []
    assert (state.phase, state.preload.gave_up, state.preload.has_ended) == (Phase.UNLOADED, "full", True)
    for wanted in (Arrived(1), LoadAsked(1)):
        state = entry()
        state.handle(PreloadAsked(), 0.0)
        state.handle(wanted, 0.0)
        assert not state.is_preload
        assert state.handle(NoRoom("full"), 0.0) == []


def test_a_preload_ends_with_whatever_ends_its_load() -> None:
    for end in (LoadDone(1, 1), LoadLost(1, BROKEN), UnloadAsked(1), EnableAsked(1, False), Removed()):
        state = entry()
        state.handle(PreloadAsked(), 0.0)
        assert not state.preload.has_ended
        state.handle(end, 0.0)
        assert state.preload.has_ended, end


def test_a_request_that_comes_while_a_load_is_cancelled_loads_again() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    state.handle(Left(1), 0.0)
    assert state.handle(Arrived(2), 0.0) == []
    assert state.handle(Stopped(1), 0.0) == [StartLoad(2)]


def test_unloading_twice_and_loading_twice_change_nothing() -> None:
    state = entry()
    assert state.handle(UnloadAsked(1), 0.0) == [Report(1)]
    state = loaded()
    assert state.handle(LoadAsked(1), 0.0) == [Report(1)]


def test_three_deaths_in_a_row_while_loading_open_a_growing_pause() -> None:
    state = entry()
    assert state.handle(Arrived(1), 0.0) == [StartLoad(1)]
    assert state.handle(LoadLost(1, DEATH), 0.0) == [StartLoad(2)]
    assert state.handle(LoadLost(2, DEATH), 0.0) == [StartLoad(3)]
    [rejection] = state.handle(LoadLost(3, DEATH), 0.0)
    assert isinstance(rejection, Reject)
    assert rejection.error.fields["retry_after_s"] == 10
    assert rejected(state.handle(Arrived(2), 9.9)) == [(2, "worker_crashed")]
    assert state.handle(Arrived(3), 10.0) == [StartLoad(4)]
    state.handle(LoadLost(4, DEATH), 10.0)
    assert state.phase is Phase.ERROR
    assert state.mishaps.retry_at_s == 30.0


def test_a_load_that_succeeds_forgets_earlier_deaths() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    state.handle(LoadLost(1, DEATH), 0.0)
    state.handle(LoadDone(2, 2), 0.0)
    assert (state.mishaps.n_deaths, state.mishaps.failure) == (0, None)


def test_a_failure_that_would_repeat_is_not_repeated() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    assert rejected(state.handle(LoadLost(1, BROKEN), 0.0)) == [(1, "model_load_failed")]
    assert rejected(state.handle(Arrived(2), 0.5)) == [(2, "model_load_failed")]
    assert state.handle(Arrived(3), 2.0) == [StartLoad(2, BROKEN)]  # looks at the files, starts no worker for these


def test_an_operator_has_the_same_files_tried_again() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    state.handle(LoadLost(1, BROKEN), 0.0)
    assert state.handle(LoadAsked(2), 0.1) == [StartLoad(2, None)]


def test_a_death_fails_the_worker_and_the_next_request_loads_afresh() -> None:
    state = loaded()
    state.handle(Arrived(1), 0.0)
    assert state.handle(Died(1, DEATH), 1.0) == []
    assert (state.phase, state.mishaps.n_crashes, state.running) == (Phase.UNLOADED, 1, {})
    assert state.handle(Arrived(2), 1.0) == [StartLoad(2)]


def test_who_waited_for_a_place_when_the_worker_died_gets_one_on_the_next() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2), 0.0)
    assert state.handle(Died(1, DEATH), 1.0) == [StartLoad(2)]
    assert state.handle(LoadDone(2, 1), 2.0) == [Grant(2)]


def test_a_model_that_loads_but_dies_three_times_in_a_minute_is_left_alone() -> None:
    state = entry()
    for attempt in (1, 2, 3):
        state.handle(LoadAsked(attempt), attempt)
        state.handle(LoadDone(attempt, 2), attempt)
        state.handle(Died(attempt, DEATH), attempt)
    assert state.phase is Phase.ERROR
    assert rejected(state.handle(Arrived(9), 4.0)) == [(9, "worker_crashed")]
