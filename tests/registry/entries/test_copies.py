"""Shadow copies use a model without being a use of it."""

from __future__ import annotations

from lsrv.errors import QueueFullError
from lsrv.registry.entries.effects import StopAttempt
from lsrv.registry.entries.happenings import Arrived, Evicted, Left, LoadAsked, LoadDone
from tests.registry.entries.histories import entry, loaded, rejected


def test_a_running_copy_keeps_no_model_from_leaving() -> None:
    state = loaded()
    state.handle(Arrived(1, is_copy=True), 0.0)
    assert state.handle(Evicted("for 'b'"), 1.0) == []
    assert state.handle(Arrived(2, is_copy=True), 1.0) == [], "no place for another copy"
    assert state.handle(Left(1), 1.0) == [StopAttempt(1, "for 'b'", is_for_room=True)]


def test_copies_take_no_places_from_requests_in_a_full_queue() -> None:
    state = loaded(n_slots=1, queue=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2, is_copy=True), 0.0)
    assert rejected(state.handle(Arrived(3), 0.0)) == []
    assert rejected(state.handle(Arrived(4), 0.0)) == [(4, QueueFullError.code)]


def test_a_copy_is_no_use_of_a_model() -> None:
    state = loaded(keep_alive_s=10.0)
    state.handle(Arrived(1, is_copy=True), 8.0)
    assert state.handle(Left(1), 12.0) == [StopAttempt(1, "idle for 10 s (keep_alive)")]


def test_a_model_is_borrowed_while_only_copies_have_used_it() -> None:
    state = entry()
    state.handle(Arrived(1, is_copy=True), 0.0)
    assert state.is_for_copies
    state.handle(LoadDone(1, 2), 1.0)
    assert state.is_borrowed
    state.handle(Arrived(2), 2.0)
    assert not state.is_borrowed


def test_who_joins_a_load_for_copies_makes_it_a_load_like_any_other() -> None:
    for joins in (Arrived(2), LoadAsked(2)):
        state = entry()
        state.handle(Arrived(1, is_copy=True), 0.0)
        state.handle(joins, 0.0)
        assert not state.is_for_copies
        state.handle(LoadDone(1, 2), 1.0)
        assert not state.is_borrowed


def test_a_load_for_a_copy_that_was_given_up_is_given_up() -> None:
    state = entry()
    state.handle(Arrived(1, is_copy=True), 0.0)
    assert state.handle(Left(1), 0.0) == [StopAttempt(1, "nobody waited for it any more")]
