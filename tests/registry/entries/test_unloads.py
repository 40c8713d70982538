"""How a model leaves memory: drained, by force, disabled, or for another."""

from __future__ import annotations

from lsrv.errors import AbortedError, ModelDisabledError
from lsrv.registry.entries.effects import EndRequests, Grant, Report, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import (
    Arrived,
    EnableAsked,
    Evicted,
    Left,
    LoadDone,
    Stopped,
    Ticked,
    UnloadAsked,
)
from tests.registry.entries.histories import ASKED, loaded, rejected


def test_unload_waits_for_running_requests_and_new_ones_wait_for_the_reload() -> None:
    state = loaded()
    state.handle(Arrived(1), 0.0)
    assert state.handle(UnloadAsked(2), 0.0) == []
    assert state.handle(Arrived(3), 0.0) == []
    assert state.handle(Left(1), 1.0) == [StopAttempt(1, ASKED)]
    assert state.handle(Stopped(1), 1.0) == [Report(2), StartLoad(2)]
    assert state.handle(LoadDone(2, 2), 2.0) == [Grant(3)]


def test_a_drain_past_its_time_ends_what_runs() -> None:
    state = loaded(drain_timeout_s=5.0)
    state.handle(Arrived(1), 0.0)
    state.handle(UnloadAsked(2), 0.0)
    assert state.deadline_s() == 5.0
    assert state.handle(Ticked(), 4.9) == []
    end, stop = state.handle(Ticked(), 5.0)
    assert isinstance(end, EndRequests)
    assert stop == StopAttempt(1, ASKED)
    assert state.handle(Left(1), 5.0) == []


def test_a_forced_unload_ends_running_and_waiting_requests_at_once() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2), 0.0)
    effects = state.handle(UnloadAsked(3, is_forced=True), 0.0)
    assert rejected(effects) == [(2, AbortedError.code)]
    assert effects[-1] == StopAttempt(1, ASKED)
    assert state.handle(Stopped(1), 0.0) == [Report(3)]


def test_a_disabled_entry_drains_and_refuses() -> None:
    state = loaded(n_slots=1)
    state.handle(Arrived(1), 0.0)
    state.handle(Arrived(2), 0.0)
    assert rejected(state.handle(EnableAsked(3, is_enabled=False), 0.0)) == [(2, ModelDisabledError.code)]
    assert state.handle(Left(1), 0.0) == [StopAttempt(1, ASKED)]
    assert state.handle(Stopped(1), 0.0) == [Report(3)]
    assert rejected(state.handle(Arrived(4), 0.0)) == [(4, ModelDisabledError.code)]
    state.handle(EnableAsked(5, is_enabled=True), 0.0)
    assert state.handle(Arrived(6), 0.0) == [StartLoad(2)]


def test_an_idle_model_leaves_for_another_and_a_busy_one_stays() -> None:
    state = loaded()
    state.handle(Arrived(1), 0.0)
    assert state.handle(Evicted("for 'b'"), 1.0) == []
    state.handle(Left(1), 2.0)
    assert state.handle(Evicted("for 'b'"), 3.0) == [StopAttempt(1, "for 'b'", is_for_room=True)]
    assert state.stop_reason == "for 'b'"
