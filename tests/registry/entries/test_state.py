"""The state machine of one entry: examples of each rule, then all rules under random histories."""

from __future__ import annotations

import itertools
import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lsrv.errors import AbortedError, ErrorInfo, LoadFailedError, ModelDisabledError, QueueFullError
from lsrv.registry.entries.happenings import (
    Arrived,
    Configured,
    Died,
    Effect,
    EnableAsked,
    EndRequests,
    EntryLimits,
    Evicted,
    Grant,
    Happening,
    Held,
    Left,
    LoadAsked,
    LoadDone,
    LoadLost,
    Reject,
    Removed,
    Report,
    StartLoad,
    StopAttempt,
    Stopped,
    Ticked,
    UnloadAsked,
)
from lsrv.registry.entries.state import EntryState, Phase
from lsrv.registry.loading.failure import Failure

ASKED = "its operator asked for it"
DEATH = Failure(error=ErrorInfo("worker_crashed", "it died"), is_death=True)
BROKEN = Failure(error=LoadFailedError("no such tensor").info(), weights=(("m.gguf", 1, 1),))
NO_ROOM = Failure(error=ErrorInfo("insufficient_memory", "no room"), is_retryable=True)


def entry(**limits: float) -> EntryState:
    return EntryState("m", EntryLimits(**limits))  # type: ignore[arg-type]


def loaded(n_slots: int = 2, **limits: float) -> EntryState:
    state = entry(**limits)
    state.handle(LoadAsked(900), 0.0)
    state.handle(LoadDone(1, n_slots), 0.0)
    return state


def rejected(effects: list[Effect]) -> list[tuple[int, str]]:
    return [(effect.ticket, effect.error.code) for effect in effects if isinstance(effect, Reject)]


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


def test_a_request_that_comes_while_a_load_is_cancelled_loads_again() -> None:
    state = entry()
    state.handle(Arrived(1), 0.0)
    state.handle(Left(1), 0.0)
    assert state.handle(Arrived(2), 0.0) == []
    assert state.handle(Stopped(1), 0.0) == [StartLoad(2)]


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


def test_unloading_twice_and_loading_twice_change_nothing() -> None:
    state = entry()
    assert state.handle(UnloadAsked(1), 0.0) == [Report(1)]
    state = loaded()
    assert state.handle(LoadAsked(1), 0.0) == [Report(1)]


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


def configured(needs_load: bool, **limits: float) -> Configured:
    return Configured(EntryLimits(**limits), needs_load)  # type: ignore[arg-type]


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


class AnyHistory(RuleBasedStateMachine):
    """Random histories, against what every caller may rely on. The world performs each effect once."""

    @initialize(
        max_concurrency=st.integers(0, 3), queue=st.integers(0, 3), keep_alive_s=st.sampled_from([0.0, 5.0, math.inf])
    )
    def begin(self, max_concurrency: int, queue: int, keep_alive_s: float) -> None:
        limits = EntryLimits(max_concurrency=max_concurrency, queue=queue, keep_alive_s=keep_alive_s)
        self.state = EntryState("m", limits)
        self.now_s = 0.0
        self.tickets = itertools.count(1)
        self.waiting: set[int] = set()
        self.holding: set[int] = set()
        self.copies: set[int] = set()
        self.operators: set[int] = set()
        self.loading: int | None = None
        self.up: int | None = None
        self.stopping: int | None = None

    def tell(self, happening: Happening) -> None:
        for effect in self.state.handle(happening, self.now_s):
            self.perform(effect)

    def perform(self, effect: Effect) -> None:
        match effect:
            case Grant(ticket):
                assert self.up is not None and self.stopping is None
                self.waiting.remove(ticket)
                self.holding.add(ticket)
            case Reject(ticket):
                self.waiting.remove(ticket)
            case Report(ticket):
                self.operators.remove(ticket)
            case StartLoad(attempt):
                assert (self.loading, self.up, self.stopping) == (None, None, None), "two workers for one entry"
                self.loading = attempt
            case StopAttempt(attempt, _):
                assert self.stopping is None and attempt in (self.loading, self.up)
                self.stopping = attempt
            case EndRequests(attempt):
                assert attempt == self.up
                self.holding.clear()

    @rule(keep_alive_s=st.sampled_from([None, 0.0, 5.0, math.inf]), is_copy=st.booleans(), priority=st.integers(-2, 2))
    def a_request_arrives(self, keep_alive_s: float | None, is_copy: bool, priority: int) -> None:
        ticket = next(self.tickets)
        self.waiting.add(ticket)
        self.copies |= {ticket} if is_copy else set()
        self.tell(Arrived(ticket, keep_alive_s, is_copy, priority))

    @rule(data=st.data())
    def a_request_leaves(self, data: st.DataObject) -> None:
        present = sorted(self.waiting | self.holding)
        if present:
            ticket = data.draw(st.sampled_from(present))
            self.waiting.discard(ticket)
            self.holding.discard(ticket)
            self.tell(Left(ticket))

    @rule(what=st.sampled_from([LoadAsked, UnloadAsked]))
    def an_operator_asks(self, what: type[LoadAsked | UnloadAsked]) -> None:
        ticket = next(self.tickets)
        self.operators.add(ticket)
        self.tell(what(ticket))

    @rule()
    def an_operator_forces(self) -> None:
        ticket = next(self.tickets)
        self.operators.add(ticket)
        self.tell(UnloadAsked(ticket, is_forced=True))
        assert not self.waiting and not self.holding

    @rule(is_enabled=st.booleans())
    def an_operator_switches(self, is_enabled: bool) -> None:
        ticket = next(self.tickets)
        self.operators.add(ticket)
        self.tell(EnableAsked(ticket, is_enabled))

    @rule(is_held=st.booleans())
    def others_wait_for_its_memory(self, is_held: bool) -> None:
        self.tell(Held(is_held))

    @rule()
    def others_get_its_memory(self) -> None:
        may_leave = self.up is not None and self.stopping is None and self.holding <= self.copies
        self.tell(Evicted("for another"))
        assert not may_leave or self.stopping is not None or (self.holding and self.state.phase is Phase.DRAINING)

    @rule(needs_load=st.booleans(), keep_alive_s=st.sampled_from([0.0, 5.0, math.inf]))
    def its_settings_change(self, needs_load: bool, keep_alive_s: float) -> None:
        self.tell(Configured(EntryLimits(keep_alive_s=keep_alive_s), needs_load))
        assert not self.state.is_removed

    @rule()
    def it_is_removed(self) -> None:
        self.tell(Removed())
        assert not self.state.is_gone or (self.loading, self.up, self.stopping) == (None, None, None)

    @precondition(lambda self: self.loading is not None)
    @rule(outcome=st.sampled_from([None, DEATH, BROKEN, NO_ROOM]), n_slots=st.integers(1, 4))
    def a_load_ends(self, outcome: Failure | None, n_slots: int) -> None:
        attempt, self.loading = self.loading, None
        assert attempt is not None
        if outcome is None:
            self.up = attempt
        self.tell(LoadLost(attempt, outcome) if outcome else LoadDone(attempt, n_slots))

    @precondition(lambda self: self.up is not None)
    @rule()
    def the_worker_dies(self) -> None:
        attempt, self.up = self.up, None
        assert attempt is not None
        self.holding.clear()
        self.tell(Died(attempt, DEATH))

    @precondition(lambda self: self.stopping is not None)
    @rule()
    def the_worker_has_stopped(self) -> None:
        attempt = self.stopping
        assert attempt is not None
        self.loading = self.up = self.stopping = None
        self.holding.clear()
        self.tell(Stopped(attempt))

    @rule(passed_s=st.floats(0.0, 400.0))
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s
        if self.now_s >= self.state.deadline_s():
            self.tell(Ticked())
            assert self.now_s < self.state.deadline_s()

    @invariant()
    def nobody_is_forgotten(self) -> None:
        if not hasattr(self, "state"):
            return
        assert set(self.state.waiting) == self.waiting
        assert set(self.state.loaders) | set(self.state.unloaders) == self.operators

    @invariant()
    def limits_hold(self) -> None:
        if not hasattr(self, "state"):
            return
        assert len(self.state.running) <= max(self.state.n_places, len(self.holding))
        if self.state.phase is Phase.LOADED and self.state.waiting and not self.state.is_held:
            assert len(self.state.running) >= self.state.n_places

    @invariant()
    def every_wait_has_an_end(self) -> None:
        """Who waits does so for a load, a stop, a drain with a deadline, or a place; and no load runs for nobody."""
        if not hasattr(self, "state"):
            return
        phase = self.state.phase
        if phase in (Phase.UNLOADED, Phase.ERROR):
            assert not self.waiting and not self.operators
            assert self.loading is None and self.up is None
        if phase is Phase.LOADING:
            assert self.waiting or self.state.is_wanted
        if phase is Phase.DRAINING:
            assert self.state.running and math.isfinite(self.state.deadline_s())
        assert (phase is Phase.STOPPING) == (self.stopping is not None)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
