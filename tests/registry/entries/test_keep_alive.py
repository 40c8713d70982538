"""How long a model stays that nobody uses."""

from __future__ import annotations

import math

from lsrv.config import ModelSettings
from lsrv.registry.entries.effects import StopAttempt
from lsrv.registry.entries.entry import limits_of
from lsrv.registry.entries.happenings import Arrived, Left, LoadDone, Stopped, Ticked
from tests.registry.entries.histories import entry, loaded


def test_an_idle_model_is_unloaded_after_keep_alive() -> None:
    state = loaded(keep_alive_s=10.0)
    state.handle(Arrived(1), 1.0)
    assert state.deadline_s() == math.inf
    state.handle(Left(1), 2.0)
    assert state.handle(Ticked(), 11.0) == []
    assert state.handle(Ticked(), 12.0) == [StopAttempt(1, "idle for 10 s (keep_alive)")]


def test_keep_alive_of_nothing_unloads_with_the_last_request_and_not_before_the_first() -> None:
    state = loaded(keep_alive_s=0.0)
    assert state.handle(Ticked(), 5.0) == []
    state.handle(Arrived(1), 5.0)
    assert state.handle(Left(1), 6.0) == [StopAttempt(1, "idle for 0 s (keep_alive)")]


def test_the_last_request_that_brings_a_keep_alive_decides_until_the_next_load() -> None:
    state = loaded(keep_alive_s=600.0)
    state.handle(Arrived(1, keep_alive_s=3.0), 1.0)
    state.handle(Left(1), 2.0)
    assert state.deadline_s() == 5.0
    state.handle(Arrived(2), 3.0)
    state.handle(Left(2), 4.0)
    assert state.deadline_s() == 7.0
    state.handle(Arrived(3, keep_alive_s=math.inf), 5.0)
    state.handle(Left(3), 6.0)
    assert state.deadline_s() == math.inf
    state.handle(Arrived(4, keep_alive_s=0.0), 7.0)
    assert state.handle(Left(4), 8.0) == [StopAttempt(1, "idle for 0 s (keep_alive of a request)")]
    state.handle(Stopped(1), 9.0)
    state.handle(Arrived(5), 10.0)
    state.handle(LoadDone(2, 2), 10.0)
    state.handle(Left(5), 11.0)
    assert state.deadline_s() == 611.0


def test_a_request_keeps_a_pinned_model_longer_and_never_shorter() -> None:
    state = loaded(keep_alive_s=100.0, least_keep_alive_s=100.0)
    state.handle(Arrived(1, keep_alive_s=0.0), 1.0)
    assert state.handle(Left(1), 2.0) == []
    assert state.deadline_s() == 102.0
    state.handle(Arrived(2, keep_alive_s=500.0), 3.0)
    state.handle(Left(2), 4.0)
    assert state.deadline_s() == 504.0


def test_the_settings_of_a_pinned_entry_are_the_least_that_a_request_may_ask_for() -> None:
    settings = ModelSettings(model_id="m", pinned=True, keep_alive="1h")
    assert limits_of(settings, 1.0).least_keep_alive_s == 3600.0
    assert limits_of(ModelSettings(model_id="m", keep_alive="1h"), 1.0).least_keep_alive_s == 0.0


def test_a_request_that_leaves_before_its_turn_changes_no_keep_alive() -> None:
    state = loaded(n_slots=1, keep_alive_s=600.0)
    state.handle(Arrived(1), 1.0)
    state.handle(Arrived(2, keep_alive_s=0.0), 1.0)
    state.handle(Left(2), 2.0)
    assert state.handle(Left(1), 3.0) == []
    assert state.deadline_s() == 603.0


def test_a_keep_alive_outlives_the_wait_for_the_load() -> None:
    state = entry(keep_alive_s=600.0)
    state.handle(Arrived(1, keep_alive_s=0.0), 1.0)
    state.handle(LoadDone(1, 1), 2.0)
    assert state.handle(Left(1), 3.0) == [StopAttempt(1, "idle for 0 s (keep_alive of a request)")]
