"""A machine in virtual time: the real states of entries, the real decisions over memory, and simulated work."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from lsrv.registry.entries.effects import Effect, Grant, Reject, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import (
    Arrived,
    EntryLimits,
    Evicted,
    Happening,
    Held,
    Left,
    LoadDone,
    Stopped,
)
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.state import EntryState
from lsrv.registry.memory import arbiter
from lsrv.registry.memory.arbiter import MemoryAmounts, MemoryDecision, Resident, Stay, Want

STOP_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a model costs. Seconds."""

    model_id: str
    memory: MemoryAmounts
    load_s: float
    n_slots: int = 4
    is_pinned: bool = False
    priority: int = 0


@dataclass(frozen=True)
class Request:
    """`then`: what the same client asks next, once this is answered."""

    at_s: float
    model_id: str
    work_s: float
    then: tuple[Request, ...] = ()
    priority: int = 0


@dataclass
class Outcome:
    """What a run was like."""

    waits_s: list[float] = field(default_factory=list[float])  # in the order in which places were given
    served: list[Request] = field(default_factory=list)  # in the same order
    n_rejected: int = 0
    n_loads: int = 0
    end_s: float = 0.0

    @property
    def requests_per_s(self) -> float:
        return len(self.waits_s) / self.end_s


class Machine:
    """Runs requests to their end, and checks at each step that no memory is promised twice."""

    def __init__(self, models: Iterable[Model], budget: MemoryAmounts, patience_s: float) -> None:
        self.models = {model.model_id: model for model in models}
        limits = EntryLimits(queue=10_000, keep_alive_s=float("inf"))
        self.states = {name: EntryState(name, limits, n_slots=model.n_slots) for name, model in self.models.items()}
        self.outcome = Outcome()
        self._budget, self._patience_s = budget, patience_s
        self._now_s = 0.0
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._arrived_s: dict[int, float] = {}
        self._requests: dict[int, Request] = {}
        self._wanted: set[str] = set()  # loads that wait for room
        self._wake_s = float("inf")

    def run(self, requests: Sequence[Request]) -> Outcome:
        """Until everything is answered."""
        for request in requests:
            self._submit(request)
        while self._events:
            self._now_s, _, happen = heapq.heappop(self._events)
            happen()
            self._settle()
        assert all(state.is_idle for state in self.states.values()), "somebody was forgotten"
        return self.outcome

    def _submit(self, request: Request) -> None:
        self._at(request.at_s, lambda: self._arrive(request))

    def _arrive(self, request: Request) -> None:
        ticket = next(self._numbers)
        self._requests[ticket], self._arrived_s[ticket] = request, self._now_s
        self._tell(request.model_id, Arrived(ticket, priority=request.priority))

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), happen))

    def _tell(self, name: str, happening: Happening) -> None:
        for effect in self.states[name].handle(happening, self._now_s):
            self._perform(name, effect)

    def _perform(self, name: str, effect: Effect) -> None:
        match effect:
            case StartLoad():
                self._wanted.add(name)
            case Grant(ticket):
                self.outcome.waits_s.append(self._now_s - self._arrived_s[ticket])
                self.outcome.served.append(self._requests[ticket])
                self._at(self._now_s + self._requests[ticket].work_s, lambda: self._finish(name, ticket))
            case Reject():
                self.outcome.n_rejected += 1
            case StopAttempt(attempt, _):
                self._at(self._now_s + STOP_S, lambda: self._tell(name, Stopped(attempt)))
            case _:
                raise AssertionError(effect)

    def _finish(self, name: str, ticket: int) -> None:
        self.outcome.end_s = self._now_s
        self._tell(name, Left(ticket))
        for request in self._requests[ticket].then:
            self._submit(replace(request, at_s=self._now_s))

    # -- memory ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        while self._apply(
            arbiter.decide(self._wants(), self._residents(), self._budget, self._patience_s, self._now_s)
        ):
            pass

    def _apply(self, verdict: MemoryDecision) -> bool:
        """Whether anything changed."""
        assert not verdict.refused
        for name in verdict.admitted:
            self._admit(name)
        for eviction in verdict.evicted:
            self._tell(eviction.model_id, Evicted(f"for {eviction.successor}"))
            assert self.states[eviction.model_id].phase is Phase.STOPPING, "what was chosen to leave could not"
        changed = [name for name, state in self.states.items() if state.is_held != (name in verdict.held)]
        for name in changed:
            self._tell(name, Held(name in verdict.held))
        if verdict.wake_s != self._wake_s and verdict.wake_s != float("inf"):
            self._at(verdict.wake_s, lambda: None)
        self._wake_s = verdict.wake_s
        promised = sum((Counter(each.memory) for each in self._residents()), Counter[str]())
        assert arbiter.fits(promised, self._budget), "promised twice"
        return bool(verdict.admitted or verdict.evicted or changed)

    def _admit(self, name: str) -> None:
        self._wanted.remove(name)
        self.outcome.n_loads += 1
        model, attempt = self.models[name], self.states[name].attempt
        self._at(self._now_s + model.load_s, lambda: self._tell(name, LoadDone(attempt, model.n_slots)))

    def _wants(self) -> list[Want]:
        return [
            Want(
                model_id=name,
                memory=self.models[name].memory,
                since_s=self.states[name].waits_since_s,
                priority=self.models[name].priority + self.states[name].waits_priority,
            )
            for name in sorted(self._wanted)
        ]

    def _residents(self) -> list[Resident]:
        return [
            self._resident(self.models[name], state)
            for name, state in self.states.items()
            if state.phase is not Phase.UNLOADED and name not in self._wanted
        ]

    def _resident(self, model: Model, state: EntryState) -> Resident:
        stay = {Phase.LOADING: Stay.LOADING, Phase.LOADED: Stay.LOADED}.get(state.phase, Stay.LEAVING)
        return Resident(
            model_id=model.model_id,
            memory=model.memory,
            stay=stay,
            n_running=len(state.running),
            n_waiting=len(state.waiting),
            since_s=state.loaded_s,
            last_used_s=state.last_used_s,
            reload_s=model.load_s,
            priority=model.priority,
            is_pinned=model.is_pinned,
            is_held=state.is_held,
        )


def first_come_first_served(models: Sequence[Model], requests: Sequence[Request]) -> Outcome:
    """What a server does that holds one model and keeps strictly to the order of arrival: the measure of the others."""
    costs = {model.model_id: model for model in models}
    outcome, loaded, ends_s, now_s = Outcome(), "", list[float](), 0.0
    for request in sorted(requests, key=lambda request: request.at_s):
        now_s = max(now_s, request.at_s)
        model = costs[request.model_id]
        if loaded != model.model_id:
            now_s = max(now_s, *ends_s, 0.0) + model.load_s + (STOP_S if loaded else 0.0)
            loaded, ends_s = model.model_id, []
            outcome.n_loads += 1
        if len(ends_s) == model.n_slots:
            now_s = max(now_s, heapq.heappop(ends_s))
        outcome.waits_s.append(now_s - request.at_s)
        heapq.heappush(ends_s, now_s + request.work_s)
    outcome.end_s = max(now_s, *ends_s)
    return outcome


def alternating(n_clients: int, n_each: int, models: Sequence[str], work_s: float) -> list[Request]:
    """Clients that ask one model after the other, each waiting for its answer: client i starts with model i."""

    def chain(at: int, n_left: int) -> tuple[Request, ...]:
        return (Request(0.0, models[at % len(models)], work_s, chain(at + 1, n_left - 1)),) if n_left else ()

    return [chain(client, n_each)[0] for client in range(n_clients)]


def popular(rng: Random, models: Sequence[str], n_requests: int, per_s: float, work_s: float) -> list[Request]:
    """Arrivals at random, in bursts of a few by one user, over models of which some are much more popular."""
    weights = [1 / (rank + 1) for rank in range(len(models))]
    requests: list[Request] = []
    at_s = 0.0
    while len(requests) < n_requests:
        at_s += rng.expovariate(per_s / 3)
        model = rng.choices(models, weights)[0]
        for turn in range(rng.choice((1, 2, 3, 6))):
            requests.append(Request(at_s + 4 * turn * rng.random(), model, work_s * rng.uniform(0.3, 2)))
    return requests[:n_requests]
