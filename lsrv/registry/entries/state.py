"""One entry's state machine: `handle(happening, now_s)` changes the state and returns the effects to perform.

Pure: no clock, no I/O, no logging. The registry's run loop is the only caller. DESIGN.md of the registry draws the
phases. Whoever waits when STOPPING ends has the model loaded again.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from lsrv.errors import ErrorInfo
from lsrv.registry.entries import refusals, retry_times
from lsrv.registry.entries.backoff import Mishaps
from lsrv.registry.entries.effects import Effect, EndRequests, Grant, Reject, Report, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import (
    Arrived,
    Configured,
    Demand,
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
    RoomMade,
    Stopped,
    Ticked,
    UnloadAsked,
)
from lsrv.registry.entries.keep_alive import KeepAlive
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.preload import Preload
from lsrv.registry.entries.queue import Waiting
from lsrv.registry.entries.unload_reason import ABANDONED, ASKED, CHANGED, REMOVED, UnloadCause, UnloadReason
from lsrv.registry.loading.failure import Failure


@dataclass(slots=True)
class EntryState:
    """State of one entry. `running` maps the tickets that hold a place to when they got it."""

    listed_id: str
    limits: EntryLimits = field(default_factory=EntryLimits)
    phase: Phase = Phase.UNLOADED
    is_enabled: bool = True
    is_removed: bool = False  # from the settings: who came before is served, then the model goes
    is_held: bool = False  # others wait for this memory: no new request gets a place
    is_wanted: bool = False  # an operator or `preload` asked for the load: it goes on without waiters
    attempt: int = 0
    n_slots: int = 1
    mishaps: Mishaps = field(default_factory=Mishaps)
    stop_reason: str = ""  # why the model was unloaded last
    n_unloads: Counter[UnloadCause] = field(default_factory=Counter[UnloadCause])  # loads given up are counted, too
    loaded_s: float = -math.inf
    last_used_s: float = -math.inf
    waiting: Waiting = field(default_factory=Waiting)
    running: dict[int, float] = field(default_factory=dict[int, float])
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    preload: Preload = field(default_factory=Preload)
    copies: set[int] = field(default_factory=set[int])  # those of both that are copies
    is_borrowed: bool = False  # loaded for copies, and used by nobody else since
    loaders: list[int] = field(default_factory=list[int])  # tickets of operators who wait for the end of a load
    unloaders: list[int] = field(default_factory=list[int])
    _wanted_s: float = math.inf  # when an operator or `preload` asked last
    _drain_until_s: float = math.inf
    _drain_reason: UnloadReason = ASKED
    _is_used: bool = False  # served a request since the load: keep_alive = 0 counts from then
    _mean_request_s: float = 0.0

    @property
    def n_places(self) -> int:
        """Requests that may run at once; before the first load a guess of one."""
        return self.limits.max_concurrency or self.n_slots

    @property
    def is_idle(self) -> bool:
        """Whether no request runs or waits."""
        return not self.running and not self.waiting

    @property
    def n_running(self) -> int:
        """Requests that hold a place, without copies: those are given up for others."""
        return len(self.running.keys() - self.copies)

    @property
    def n_waiting(self) -> int:
        """Requests that wait for one, without copies."""
        return len(set(self.waiting) - self.copies)

    @property
    def is_for_copies(self) -> bool:
        """Whether nobody but copies waits for this model."""
        return not self.is_wanted and bool(self.waiting) and self.n_waiting == 0

    @property
    def is_preload(self) -> bool:
        """Whether a load goes on, and for nobody yet: the settings ask for it."""
        return self.phase is Phase.LOADING and self.preload.is_wanted and self.n_waiting == 0

    @property
    def is_gone(self) -> bool:
        """Whether a removed entry has served its last request and holds nothing any more."""
        return self.is_removed and self.is_idle and self.phase in (Phase.UNLOADED, Phase.ERROR)

    @property
    def waits_since_s(self) -> float:
        """When the one came who waits longest for this model; math.inf if nobody does."""
        return min(self.waiting.since_s, self._wanted_s if self.is_wanted else math.inf)

    @property
    def waits_priority(self) -> int:
        """The highest of those who wait for this model; an operator and `preload` have 0."""
        return max(self.waiting.priorities + [0] * self.is_wanted, default=0)

    def deadline_s(self) -> float:
        """When `Ticked` is due, or math.inf."""
        if self.phase is Phase.DRAINING or (self.is_removed and not self.is_idle):
            return self._drain_until_s
        if self.phase is Phase.LOADED and self.is_removed:
            return self.last_used_s
        keep_alive_s = self.keep_alive.seconds(self.limits.keep_alive_s)
        if self.phase is Phase.LOADED and self.is_idle and (self._is_used or keep_alive_s > 0):
            return self.last_used_s + keep_alive_s
        return math.inf

    def handle(self, happening: Happening, now_s: float) -> list[Effect]:
        """Change the state as `happening` demands, and return what must be done about it, in order."""
        match happening:
            case Arrived():
                return self._arrived(happening, now_s)
            case Left(ticket):
                return self._left(ticket, now_s)
            case LoadAsked() | PreloadAsked() | UnloadAsked() | EnableAsked() | Configured() | Removed():
                return self._obey(happening, now_s)
            case NoRoom(reason):
                return self._give_preload_up(reason)
            case Evicted(reason):
                is_free = self.phase is Phase.LOADED and self.n_running == 0
                return self._drain(UnloadReason("evicted", reason), now_s) if is_free else []
            case RoomMade():
                self.mishaps.room_made()
                return []
            case Held(is_held):
                self.is_held = is_held
                return self._grant(now_s)
            case Ticked():
                return self._ticked(now_s)
            case LoadDone() | LoadLost() | Died() | Stopped():
                return self._hear(happening, now_s) if happening.attempt == self.attempt else []

    # -- requests ----------------------------------------------------------------------------------

    def _arrived(self, arrived: Arrived, now_s: float) -> list[Effect]:
        ticket = arrived.ticket
        if self.is_removed:
            return [Reject(ticket, refusals.removed(self.listed_id))]
        if not self.is_enabled:
            return [Reject(ticket, refusals.disabled(self.listed_id))]
        if self.phase is Phase.ERROR and now_s < self.mishaps.retry_at_s:
            return [Reject(ticket, self.mishaps.refusal(now_s))]
        if self.n_waiting + self.n_running >= self.n_places + self.limits.queue:
            return [Reject(ticket, self._queue_full())]
        self.waiting.add(ticket, now_s, arrived.priority)
        self.keep_alive.arrived(ticket, arrived.keep_alive_s, self.limits.least_keep_alive_s)
        self.copies |= {ticket} if arrived.is_copy else set()
        if self.phase in (Phase.UNLOADED, Phase.ERROR):
            return self._start_load()
        return self._grant(now_s)

    def _left(self, ticket: int, now_s: float) -> list[Effect]:
        granted_s = self.running.pop(ticket, None)
        if granted_s is not None and ticket not in self.copies:
            self._mean_request_s = retry_times.smoothed(self._mean_request_s, now_s - granted_s)
            self.last_used_s = now_s
        self.waiting.discard(ticket)
        self.keep_alive.left(ticket)
        self.copies.discard(ticket)
        if self.phase is Phase.LOADING and not self.waiting and not self.is_wanted:
            return self._stop(ABANDONED)
        if self.phase is Phase.DRAINING and not self.running:
            return self._stop(self._drain_reason)
        return self._grant(now_s) or self._stop_if_idle(now_s)

    def _grant(self, now_s: float) -> list[Effect]:
        """Places for those whose turn it is, as far as there are any."""
        is_open = self.phase is Phase.LOADED and not self.is_held
        n_free = self.n_places - len(self.running) if is_open else 0
        tickets = self.waiting.take(max(n_free, 0))
        for ticket in tickets:
            self.running[ticket] = now_s
            self.keep_alive.granted(ticket)
            self._is_used = True
            self.is_borrowed = self.is_borrowed and ticket in self.copies
        return [Grant(ticket) for ticket in tickets]

    def _queue_full(self) -> ErrorInfo:
        retry_after_s = retry_times.retry_after_s(len(self.waiting), self.n_places, self._mean_request_s)
        return refusals.queue_full(self.listed_id, len(self.running), len(self.waiting), retry_after_s)

    def _reject_waiting(self, error: ErrorInfo) -> list[Effect]:
        return [Reject(ticket, error) for ticket in self.waiting.take()]

    # -- operators ---------------------------------------------------------------------------------

    def _obey(self, demand: Demand, now_s: float) -> list[Effect]:
        match demand:
            case LoadAsked(ticket):
                return self._load_asked(ticket, now_s)
            case PreloadAsked():
                return self._preload_asked(now_s)
            case UnloadAsked():
                return self._unload_asked(demand, now_s)
            case EnableAsked(ticket, is_enabled):
                return self._enable_asked(ticket, is_enabled, now_s)
            case Configured(limits, needs_load):
                return self._configured(limits, needs_load, now_s)
            case Removed():
                return self._removed(now_s)

    def _load_asked(self, ticket: int, now_s: float) -> list[Effect]:
        if not self.is_enabled or self.is_removed or self.phase is Phase.LOADED:
            return [Report(ticket)]
        self.loaders.append(ticket)
        self.preload.is_wanted = False
        return self._want(now_s)

    def _preload_asked(self, now_s: float) -> list[Effect]:
        if not self.is_enabled or self.is_removed or self.is_wanted or self.phase is Phase.LOADED:
            return []
        self.preload.begin()
        return self._want(now_s)

    def _want(self, now_s: float) -> list[Effect]:
        """Have it loaded, whether or not somebody waits for it."""
        self.is_wanted, self._wanted_s = True, now_s
        if self.phase in (Phase.UNLOADED, Phase.ERROR):
            self.mishaps.forgive()
            return self._start_load()
        return []

    def _give_preload_up(self, reason: str) -> list[Effect]:
        if not self.is_preload:
            return []
        self.is_wanted = False
        self.preload.end(gave_up=reason)
        return self._stop(UnloadReason("no_room", reason))

    def _unload_asked(self, asked: UnloadAsked, now_s: float) -> list[Effect]:
        self.is_wanted = False
        self.preload.end()
        effects = self._answer(self.loaders)
        self.unloaders.append(asked.ticket)
        if asked.is_forced:
            effects += self._reject_waiting(asked.error)
        if self.phase in (Phase.UNLOADED, Phase.ERROR):
            self.phase = Phase.UNLOADED
            self.mishaps.forgive()
            return effects + self._answer(self.unloaders)
        if self.phase is Phase.STOPPING:
            return effects
        if self.running and asked.is_forced:
            return [*effects, *self._end_running(asked.error), *self._stop(ASKED)]
        return effects + self._drain(ASKED, now_s)

    def _drain(self, reason: UnloadReason, now_s: float) -> list[Effect]:
        """Stop the load or the worker, once running requests have ended."""
        if not self.running:
            return self._stop(reason)
        if self.phase is Phase.LOADED:
            self.phase = Phase.DRAINING
            self._drain_until_s, self._drain_reason = now_s + self.limits.drain_timeout_s, reason
        return []

    def _enable_asked(self, ticket: int, is_enabled: bool, now_s: float) -> list[Effect]:
        self.is_enabled = is_enabled
        if is_enabled:
            return [Report(ticket)]
        return self._reject_waiting(refusals.disabled(self.listed_id)) + self._unload_asked(UnloadAsked(ticket), now_s)

    def _configured(self, limits: EntryLimits, needs_load: bool, now_s: float) -> list[Effect]:
        self.limits, self.is_removed = limits, False
        if not needs_load:
            return self._grant(now_s) or self._stop_if_idle(now_s)
        self.mishaps.forgive()
        if self.phase is Phase.ERROR:
            self.phase = Phase.UNLOADED
        if self.phase in (Phase.UNLOADED, Phase.STOPPING):
            return []
        if self.phase is Phase.LOADED and not self.is_held:
            self.is_wanted, self._wanted_s = True, now_s
        return self._drain(CHANGED, now_s)

    def _removed(self, now_s: float) -> list[Effect]:
        self.is_removed, self.is_wanted = True, False
        self.preload.end()
        self._drain_until_s = now_s + self.limits.drain_timeout_s
        effects = self._answer(self.loaders)
        if self.is_idle and self.phase in (Phase.LOADING, Phase.LOADED):
            return effects + self._stop(REMOVED)
        return effects

    def _answer(self, tickets: list[int]) -> list[Effect]:
        answers: list[Effect] = [Report(ticket) for ticket in tickets]
        tickets.clear()
        return answers

    # -- the worker --------------------------------------------------------------------------------

    def _hear(self, news: LoadDone | LoadLost | Died | Stopped, now_s: float) -> list[Effect]:
        """News of the present attempt. While it is being stopped, only that it has stopped counts."""
        match self.phase, news:
            case Phase.LOADING, LoadDone():
                return self._load_done(news.n_slots, now_s)
            case Phase.LOADING, LoadLost():
                is_over = self.mishaps.lost(news.failure, now_s)
                return self._give_up(now_s) if is_over else self._start_load()
            case ((Phase.LOADED | Phase.DRAINING), Died()):
                return self._died(news.failure, now_s)
            case Phase.STOPPING, Stopped():
                self.phase = Phase.UNLOADED
                return self._answer(self.unloaders) + self._load_if_awaited()
            case _:
                return []

    def _start_load(self) -> list[Effect]:
        self.attempt += 1
        self.phase = Phase.LOADING
        return [StartLoad(self.attempt, self.mishaps.known_bad)]

    def _load_done(self, n_slots: int, now_s: float) -> list[Effect]:
        self.phase = Phase.LOADED
        self.n_slots = max(1, n_slots)
        self.loaded_s = self.last_used_s = now_s
        self.is_borrowed = self.is_for_copies
        self.is_wanted = self._is_used = False
        self.preload.end()
        self.keep_alive.loaded()
        self.mishaps.forgive()
        return self._answer(self.loaders) + self._grant(now_s)

    def _give_up(self, now_s: float) -> list[Effect]:
        """ERROR until the next request may try again."""
        self.phase = Phase.ERROR
        self.is_wanted = False
        self.preload.end()
        effects = self._reject_waiting(self.mishaps.refusal(now_s))
        return effects + self._answer(self.loaders) + self._answer(self.unloaders)

    def _died(self, failure: Failure, now_s: float) -> list[Effect]:
        self.running.clear()
        self.phase = Phase.UNLOADED
        if self.mishaps.crashed(failure, now_s):
            return self._give_up(now_s)
        return self._answer(self.unloaders) + self._load_if_awaited()

    def _end_running(self, error: ErrorInfo) -> list[Effect]:
        self.running.clear()
        return [EndRequests(self.attempt, error)]

    def _stop(self, reason: UnloadReason) -> list[Effect]:
        self.phase = Phase.STOPPING
        self.stop_reason = reason.text
        self.n_unloads[reason.cause] += 1
        return [StopAttempt(self.attempt, reason.text, is_for_room=reason.cause == "evicted")]

    def _load_if_awaited(self) -> list[Effect]:
        return self._start_load() if self.waiting or self.is_wanted else []

    def _ticked(self, now_s: float) -> list[Effect]:
        if now_s < self.deadline_s():
            return []
        if self.phase is Phase.DRAINING:
            return self._end_running(refusals.outlasted("unloaded")) + self._stop(self._drain_reason)
        if self.is_removed and not self.is_idle:
            return self._end_removed()
        return self._stop_if_idle(now_s)

    def _end_removed(self) -> list[Effect]:
        """Whoever came before the removal has had drain_timeout."""
        error = refusals.outlasted("removed from the settings")
        effects = self._reject_waiting(error)
        if self.running:
            effects += self._end_running(error)
        return effects + (self._stop(REMOVED) if self.phase in (Phase.LOADING, Phase.LOADED) else [])

    def _stop_if_idle(self, now_s: float) -> list[Effect]:
        if self.phase is not Phase.LOADED or now_s < self.deadline_s():
            return []
        if self.is_removed:
            return self._stop(REMOVED)
        return self._stop(UnloadReason("idle", self.keep_alive.reason(self.limits.keep_alive_s)))
