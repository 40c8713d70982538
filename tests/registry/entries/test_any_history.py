"""All rules of an entry's states, under random histories."""

from __future__ import annotations

import itertools
import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lsrv.registry.entries.effects import Effect, EndRequests, Grant, Reject, Report, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import (
    Arrived,
    Configured,
    Died,
    EnableAsked,
    EntryLimits,
    Evicted,
    Happening,
    Held,
    Left,
    LoadAsked,
    LoadDone,
    LoadLost,
    NoRoom,
    PreloadAsked,
    Removed,
    Stopped,
    Ticked,
    UnloadAsked,
)
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.state import EntryState
from lsrv.registry.loading.failure import Failure
from tests.registry.entries.histories import BROKEN, DEATH, NO_ROOM


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
    def the_settings_ask_for_a_load(self) -> None:
        self.tell(PreloadAsked())

    @rule()
    def there_is_no_room_for_a_preload(self) -> None:
        is_preload = self.state.is_preload
        self.tell(NoRoom("for others"))
        assert (self.state.preload.gave_up != "") >= is_preload
        assert not is_preload or self.stopping is not None

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
