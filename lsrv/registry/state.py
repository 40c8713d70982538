"""One entry's state machine: `handle(happening, now_s)` changes the state and returns the effects to perform.

Pure: no clock, no I/O, no logging. The registry's run loop is the only caller.

    UNLOADED ──StartLoad──> LOADING ──LoadDone──> LOADED ──UnloadAsked, idle──> DRAINING ──last request──> STOPPING
        ^                      │ LoadLost           │ Died                                                     │
        │                      v                    v                                                          │
        │                    ERROR  <──too often── (UNLOADED)                                                  │
        └──────────────────────────────────────────────────────────────────────────────────────Stopped────────┘

A load that nobody awaits goes LOADING -> STOPPING. Whoever waits when STOPPING ends has the model loaded again.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass, field

import msgspec

from lsrv.errors import AbortedError, ErrorInfo, ModelDisabledError, QueueFullError
from lsrv.registry import policy
from lsrv.registry.words import (
    Answer,
    Arrived,
    Died,
    Effect,
    EnableAsked,
    EndRequests,
    Evicted,
    Failure,
    Grant,
    Happening,
    Held,
    Left,
    LoadAsked,
    LoadDone,
    LoadLost,
    Reject,
    StartLoad,
    Stop,
    Stopped,
    Ticked,
    UnloadAsked,
)

_ASKED = "its operator asked for it"


class Phase(enum.Enum):
    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"
    DRAINING = "draining"
    STOPPING = "stopping"
    ERROR = "error"


class EntryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about one entry's patience. Seconds; math.inf is never."""

    max_concurrency: int = 0  # requests in the worker at once; 0: as many as it has slots
    queue: int = 64  # requests that may wait beyond those
    keep_alive_s: float = 600.0
    drain_timeout_s: float = 30.0


@dataclass(slots=True)
class EntryState:
    """State of one entry. `running` maps the tickets that hold a place to when they got it."""

    model_id: str
    limits: EntryLimits = field(default_factory=EntryLimits)
    phase: Phase = Phase.UNLOADED
    is_enabled: bool = True
    is_held: bool = False  # others wait for this memory: no new request gets a place
    is_wanted: bool = False  # an operator or `preload` asked for the load: it goes on without waiters
    attempt: int = 0
    n_slots: int = 1
    n_crashes: int = 0
    n_deaths: int = 0  # in a row, while loading
    failure: Failure | None = None
    stop_reason: str = ""  # why the model was unloaded last
    retry_at_s: float = -math.inf
    loaded_s: float = -math.inf
    last_used_s: float = -math.inf
    waiting: dict[int, float] = field(default_factory=dict[int, float])  # ticket -> when it arrived, in that order
    running: dict[int, float] = field(default_factory=dict[int, float])
    loaders: list[int] = field(default_factory=list[int])  # tickets of operators who wait for the end of a load
    unloaders: list[int] = field(default_factory=list[int])
    _wanted_s: float = math.inf  # when an operator or `preload` asked last
    _drain_until_s: float = math.inf
    _is_used: bool = False  # served a request since the load: keep_alive = 0 counts from then
    _mean_request_s: float = 0.0
    _crash_times_s: deque[float] = field(default_factory=lambda: deque[float](maxlen=policy.N_DEATHS_IN_A_ROW))

    @property
    def n_places(self) -> int:
        """Requests that may run at once; before the first load a guess of one."""
        return self.limits.max_concurrency or self.n_slots

    @property
    def is_idle(self) -> bool:
        """Whether no request runs or waits."""
        return not self.running and not self.waiting

    @property
    def waits_since_s(self) -> float:
        """When the one came who waits longest for this model; math.inf if nobody does."""
        return min(next(iter(self.waiting.values()), math.inf), self._wanted_s if self.is_wanted else math.inf)

    def deadline_s(self) -> float:
        """When `Ticked` is due, or math.inf."""
        if self.phase is Phase.DRAINING:
            return self._drain_until_s
        if self.phase is Phase.LOADED and self.is_idle and (self._is_used or self.limits.keep_alive_s > 0):
            return self.last_used_s + self.limits.keep_alive_s
        return math.inf

    def handle(self, happening: Happening, now_s: float) -> list[Effect]:
        """Change the state as `happening` demands, and return what must be done about it, in order."""
        match happening:
            case Arrived(ticket):
                return self._arrived(ticket, now_s)
            case Left(ticket):
                return self._left(ticket, now_s)
            case LoadAsked(ticket):
                return self._load_asked(ticket, now_s)
            case UnloadAsked():
                return self._unload_asked(happening, now_s)
            case Evicted(reason):
                return self._stop(reason) if self.phase is Phase.LOADED and not self.running else []
            case Held(is_held):
                self.is_held = is_held
                return self._grant(now_s)
            case EnableAsked(ticket, is_enabled):
                return self._enable_asked(ticket, is_enabled, now_s)
            case Ticked():
                return self._ticked(now_s)
            case LoadDone() | LoadLost() | Died() | Stopped():
                return self._hear(happening, now_s) if happening.attempt == self.attempt else []

    # -- requests ----------------------------------------------------------------------------------

    def _arrived(self, ticket: int, now_s: float) -> list[Effect]:
        if not self.is_enabled:
            return [Reject(ticket, ModelDisabledError(f"model '{self.model_id}' is disabled").info())]
        if self.phase is Phase.ERROR and now_s < self.retry_at_s:
            return [Reject(ticket, self._refusal(now_s))]
        if len(self.waiting) + len(self.running) >= self.n_places + self.limits.queue:
            return [Reject(ticket, self._queue_full())]
        self.waiting[ticket] = now_s
        if self.phase in (Phase.UNLOADED, Phase.ERROR):
            return self._start_load()
        return self._grant(now_s)

    def _left(self, ticket: int, now_s: float) -> list[Effect]:
        granted_s = self.running.pop(ticket, None)
        if granted_s is not None:
            self._mean_request_s = policy.smoothed(self._mean_request_s, now_s - granted_s)
            self.last_used_s = now_s
        self.waiting.pop(ticket, None)
        if self.phase is Phase.LOADING and not self.waiting and not self.is_wanted:
            return self._stop("nobody waited for it any more")
        if self.phase is Phase.DRAINING and not self.running:
            return self._stop(_ASKED)
        return self._grant(now_s) or self._stop_if_idle(now_s)

    def _grant(self, now_s: float) -> list[Effect]:
        """Places for those who waited longest, as far as there are any."""
        is_open = self.phase is Phase.LOADED and not self.is_held
        n_free = self.n_places - len(self.running) if is_open else 0
        tickets = list(self.waiting)[:n_free] if n_free > 0 and self.waiting else []
        for ticket in tickets:
            del self.waiting[ticket]
            self.running[ticket] = now_s
            self._is_used = True
        return [Grant(ticket) for ticket in tickets]

    def _queue_full(self) -> ErrorInfo:
        retry_after_s = policy.retry_after_s(len(self.waiting), self.n_places, self._mean_request_s)
        return QueueFullError(
            f"model '{self.model_id}' has {len(self.running)} requests running and {len(self.waiting)} waiting, "
            f"which is all its queue takes; try again in {retry_after_s} s or raise `queue`",
            retry_after_s=retry_after_s,
        ).info()

    def _refusal(self, now_s: float) -> ErrorInfo:
        """The failure that keeps the entry in ERROR, with when it may be tried again."""
        assert self.failure is not None
        retry_after_s = max(1, math.ceil(self.retry_at_s - now_s))
        fields = self.failure.error.fields | {"retry_after_s": retry_after_s}
        return msgspec.structs.replace(self.failure.error, fields=fields)

    def _reject_waiting(self, error: ErrorInfo) -> list[Effect]:
        tickets = list(self.waiting)
        self.waiting.clear()
        return [Reject(ticket, error) for ticket in tickets]

    # -- operators ---------------------------------------------------------------------------------

    def _load_asked(self, ticket: int, now_s: float) -> list[Effect]:
        if not self.is_enabled or self.phase is Phase.LOADED:
            return [Answer(ticket)]
        self.is_wanted, self._wanted_s = True, now_s
        self.loaders.append(ticket)
        if self.phase in (Phase.UNLOADED, Phase.ERROR):
            self._forgive()
            return self._start_load()
        return []

    def _unload_asked(self, asked: UnloadAsked, now_s: float) -> list[Effect]:
        self.is_wanted = False
        effects = self._answer(self.loaders)
        self.unloaders.append(asked.ticket)
        if asked.is_forced:
            effects += self._reject_waiting(asked.error)
        if self.phase in (Phase.UNLOADED, Phase.ERROR):
            self.phase = Phase.UNLOADED
            self._forgive()
            return effects + self._answer(self.unloaders)
        if self.phase is Phase.STOPPING:
            return effects
        if self.running and asked.is_forced:
            return [*effects, *self._end_running(asked.error), *self._stop(_ASKED)]
        if self.running:
            if self.phase is Phase.LOADED:
                self.phase = Phase.DRAINING
                self._drain_until_s = now_s + self.limits.drain_timeout_s
            return effects
        return effects + self._stop(_ASKED)

    def _enable_asked(self, ticket: int, is_enabled: bool, now_s: float) -> list[Effect]:
        self.is_enabled = is_enabled
        if is_enabled:
            return [Answer(ticket)]
        refusal = ModelDisabledError(f"model '{self.model_id}' is disabled").info()
        return self._reject_waiting(refusal) + self._unload_asked(UnloadAsked(ticket), now_s)

    def _answer(self, tickets: list[int]) -> list[Effect]:
        answers: list[Effect] = [Answer(ticket) for ticket in tickets]
        tickets.clear()
        return answers

    # -- the worker --------------------------------------------------------------------------------

    def _hear(self, news: LoadDone | LoadLost | Died | Stopped, now_s: float) -> list[Effect]:
        """News of the present attempt. While it is being stopped, only that it has stopped counts."""
        match self.phase, news:
            case Phase.LOADING, LoadDone():
                return self._load_done(news.n_slots, now_s)
            case Phase.LOADING, LoadLost():
                return self._load_lost(news.failure, now_s)
            case ((Phase.LOADED | Phase.DRAINING), Died()):
                return self._died(news.failure, now_s)
            case Phase.STOPPING, Stopped():
                return self._stopped()
            case _:
                return []

    def _start_load(self) -> list[Effect]:
        self.attempt += 1
        self.phase = Phase.LOADING
        failure = self.failure
        is_known_bad = failure is not None and failure.weights and not (failure.is_death or failure.is_retryable)
        return [StartLoad(self.attempt, failure if is_known_bad else None)]

    def _load_done(self, n_slots: int, now_s: float) -> list[Effect]:
        self.phase = Phase.LOADED
        self.n_slots = max(1, n_slots)
        self.loaded_s = self.last_used_s = now_s
        self.is_wanted = self._is_used = False
        self._forgive()
        return self._answer(self.loaders) + self._grant(now_s)

    def _load_lost(self, failure: Failure, now_s: float) -> list[Effect]:
        self.failure = failure
        self.n_deaths = self.n_deaths + 1 if failure.is_death else 0
        if failure.is_death and policy.backoff_s(self.n_deaths) == 0.0:
            return self._start_load()
        hold_s = policy.backoff_s(self.n_deaths) if failure.is_death else policy.recheck_s(failure.is_retryable)
        return self._give_up(now_s, hold_s)

    def _give_up(self, now_s: float, hold_s: float) -> list[Effect]:
        """ERROR until `hold_s` have passed; then the next request tries again."""
        self.phase = Phase.ERROR
        self.is_wanted = False
        self.retry_at_s = now_s + hold_s
        return self._reject_waiting(self._refusal(now_s)) + self._answer(self.loaders) + self._answer(self.unloaders)

    def _died(self, failure: Failure, now_s: float) -> list[Effect]:
        self.failure = failure
        self.n_crashes += 1
        self.running.clear()
        self.phase = Phase.UNLOADED
        self._crash_times_s.append(now_s)
        if policy.is_crash_loop(self._crash_times_s, now_s):
            return self._give_up(now_s, policy.backoff_s(policy.N_DEATHS_IN_A_ROW))
        return self._answer(self.unloaders) + self._load_if_awaited()

    def _end_running(self, error: ErrorInfo) -> list[Effect]:
        self.running.clear()
        return [EndRequests(self.attempt, error)]

    def _stop(self, reason: str) -> list[Effect]:
        self.phase = Phase.STOPPING
        self.stop_reason = reason
        return [Stop(self.attempt, reason)]

    def _stopped(self) -> list[Effect]:
        self.phase = Phase.UNLOADED
        return self._answer(self.unloaders) + self._load_if_awaited()

    def _load_if_awaited(self) -> list[Effect]:
        return self._start_load() if self.waiting or self.is_wanted else []

    def _ticked(self, now_s: float) -> list[Effect]:
        if self.phase is Phase.DRAINING and now_s >= self._drain_until_s:
            error = AbortedError("the model was unloaded, and this request outlasted drain_timeout").info()
            return self._end_running(error) + self._stop(_ASKED)
        return self._stop_if_idle(now_s)

    def _stop_if_idle(self, now_s: float) -> list[Effect]:
        if self.phase is not Phase.LOADED or now_s < self.deadline_s():
            return []
        return self._stop(f"idle for {self.limits.keep_alive_s:g} s (keep_alive)")

    def _forgive(self) -> None:
        self.failure = None
        self.n_deaths = 0
        self.retry_at_s = -math.inf
