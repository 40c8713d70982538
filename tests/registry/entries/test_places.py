"""Who gets a place of a loaded model, in which order, and who is turned away."""

from __future__ import annotations

from lsrv.errors import QueueFullError
from lsrv.registry.entries.effects import Grant, Reject, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import Arrived, Evicted, Held, Left, LoadAsked, LoadDone, Stopped
from tests.registry.entries.histories import entry, loaded, rejected


def test_the_first_request_starts_a_load_and_the_others_share_it() -> None:
    state = entry()
    assert state.handle(Arrived(1), 0.0) == [StartLoad(1)]
    assert state.handle(Arrived(2), 0.0) == []
    assert state.handle(LoadDone(1, 2), 1.0) == [Grant(1), Grant(2)]


def test_a_place_goes_to_who_waited_longest() -> None:
    state = loaded(n_slots=1)
    assert state.handle(Arrived(1), 0.0) == [Grant(1)]
    assert [*state.handle(Arrived(2), 0.0), *state.handle(Arrived(3), 0.0)] == []
    assert state.handle(Left(2), 0.0) == []
    assert state.handle(Left(1), 0.0) == [Grant(3)]


def test_a_place_goes_to_the_highest_priority_until_others_have_waited_long_enough() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2, priority=-1), 0.0)
    state.handle(Arrived(3), 1.0)
    state.handle(Arrived(4, priority=1), 9.0)
    state.handle(Arrived(5, priority=1), 12.0)
    assert list(state.waiting) == [4, 3, 5, 2]
    assert state.handle(Left(1), 13.0) == [Grant(4)]
    assert state.handle(Left(4), 14.0) == [Grant(3)]


def test_a_low_one_gets_its_place_under_a_stream_of_high_ones() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1, priority=1), 0.0)
    state.handle(Arrived(2, priority=-2), 0.0)
    for second in range(1, 100):
        state.handle(Arrived(100 + second, priority=1), second)
        [grant] = state.handle(Left(next(iter(state.running))), second)
        if grant == Grant(2):
            break
    assert second == 30, "three steps are worth 30 s"


def test_what_waits_for_a_load_counts_with_its_highest_priority() -> None:
    state = entry()
    state.handle(Arrived(1, priority=-2), 0.0)
    assert (state.waits_priority, state.waits_since_s) == (-2, 0.0)
    state.handle(LoadAsked(2), 1.0)
    assert state.waits_priority == 0
    state.handle(Arrived(3, priority=3), 2.0)
    assert (state.waits_priority, state.waits_since_s) == (3, 0.0)
    state.handle(Left(3), 3.0)
    assert state.waits_priority == 0


def test_max_concurrency_counts_before_slots() -> None:
    state = loaded(n_slots=8, max_concurrency=1)
    assert state.handle(Arrived(1), 0.0) == [Grant(1)]
    assert state.handle(Arrived(2), 0.0) == []


def test_a_full_queue_turns_away_with_a_time_to_come_back() -> None:
    state = loaded(n_slots=1, queue=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Left(1), 30.0)
    state.handle(Arrived(2), 30.0)
    state.handle(Arrived(3), 30.0)
    [rejection] = state.handle(Arrived(4), 30.0)
    assert isinstance(rejection, Reject)
    assert rejection.error.code == QueueFullError.code
    assert rejection.error.fields["retry_after_s"] == 60  # two ahead, 30 s each
    assert rejected(state.handle(Arrived(5, priority=10), 30.0)) == [(5, QueueFullError.code)], "nobody has to go"


def test_a_held_model_grants_no_places_until_it_is_let_go() -> None:
    state = loaded()
    state.handle(Arrived(1), 0.0)
    assert state.handle(Held(True), 0.0) == []
    assert state.handle(Arrived(2), 0.0) == []
    assert state.handle(Held(False), 0.0) == [Grant(2)]


def test_who_waits_when_a_held_model_is_evicted_has_it_loaded_again() -> None:
    state = loaded()
    state.handle(Held(True), 0.0)
    state.handle(Arrived(1), 0.0)
    assert state.handle(Evicted("for 'b'"), 1.0) == [StopAttempt(1, "for 'b'", is_for_room=True)]
    assert state.handle(Stopped(1), 2.0) == [StartLoad(2)]
