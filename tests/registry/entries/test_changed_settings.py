"""Entries whose settings change, that are removed, or that come back."""

from __future__ import annotations

from lsrv.registry.entries.effects import EndRequests, Grant, Reject, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import (
    Arrived,
    Held,
    Left,
    LoadDone,
    LoadLost,
    Removed,
    Stopped,
    Ticked,
)
from lsrv.registry.entries.phase import Phase
from tests.registry.entries.histories import BROKEN, configured, entry, loaded, rejected


def test_light_settings_hold_at_once_and_leave_the_model_alone() -> None:
    state = loaded(n_slots=4, max_concurrency=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2), 0.0)
    assert state.handle(configured(False, max_concurrency=2), 1.0) == [Grant(2)]
    assert state.phase is Phase.LOADED


def test_a_shorter_keep_alive_counts_from_the_last_use() -> None:
    state = loaded(keep_alive_s=600.0)
    assert state.handle(configured(False, keep_alive_s=5.0), 6.0) == [StopAttempt(1, "idle for 5 s (keep_alive)")]


def test_settings_that_need_a_load_let_running_requests_finish_and_later_ones_wait() -> None:
    state = loaded(n_slots=4)
    state.handle(Arrived(1), 0.0)
    assert state.handle(configured(True), 1.0) == []
    assert state.handle(Arrived(2), 2.0) == []
    assert state.handle(Left(1), 3.0) == [StopAttempt(1, "its settings changed")]
    assert state.handle(Stopped(1), 4.0) == [StartLoad(2)]
    assert state.handle(LoadDone(2, 4), 5.0) == [Grant(2)]


def test_an_idle_model_is_loaded_again_with_its_new_settings() -> None:
    state = loaded()
    assert state.handle(configured(True), 1.0) == [StopAttempt(1, "its settings changed")]
    assert state.handle(Stopped(1), 2.0) == [StartLoad(2)]


def test_a_model_that_others_wait_for_is_not_loaded_again_for_its_settings() -> None:
    state = loaded()
    state.handle(Held(True), 0.0)
    state.handle(configured(True), 1.0)
    assert state.handle(Stopped(1), 2.0) == []


def test_a_load_under_way_starts_anew_with_the_new_settings() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    assert state.handle(configured(True), 1.0) == [StopAttempt(1, "its settings changed")]
    assert state.handle(Stopped(1), 2.0) == [StartLoad(2)]
    assert state.handle(LoadDone(2, 1), 3.0) == [Grant(1)]


def test_new_settings_end_a_back_off() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    state.handle(LoadLost(1, BROKEN), 0.0)
    state.handle(configured(True), 0.1)
    assert state.handle(Arrived(2), 0.2) == [StartLoad(2)]


def test_a_removed_model_serves_who_came_before_and_nobody_else() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2), 0.0)
    assert state.handle(Removed(), 1.0) == []
    assert rejected(state.handle(Arrived(3), 1.0)) == [(3, "model_not_found")]
    assert state.handle(Left(1), 2.0) == [Grant(2)]
    assert state.handle(Left(2), 3.0) == [StopAttempt(1, "it was removed from the settings")]
    assert not state.is_gone
    state.handle(Stopped(1), 4.0)
    assert state.is_gone


def test_an_idle_removed_model_goes_at_once() -> None:
    assert loaded().handle(Removed(), 1.0) == [StopAttempt(1, "it was removed from the settings")]
    unloaded = entry()
    assert unloaded.handle(Removed(), 1.0) == []
    assert unloaded.is_gone


def test_requests_of_a_removed_model_that_outlast_the_drain_are_ended() -> None:
    state = loaded(n_slots=1, drain_timeout_s=10.0)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2), 0.0)
    state.handle(Removed(), 1.0)
    assert state.deadline_s() == 11.0
    effects = state.handle(Ticked(), 11.0)
    assert rejected(effects) == [(2, "aborted")]
    assert [type(effect) for effect in effects] == [Reject, EndRequests, StopAttempt]


def test_a_model_that_comes_back_while_it_leaves_serves_again() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Removed(), 1.0)
    state.handle(configured(True), 2.0)
    assert state.handle(Arrived(2), 3.0) == []
    state.handle(Left(1), 4.0)
    assert state.handle(Stopped(1), 5.0) == [StartLoad(2)]
