"""Who gets memory, who has to leave, who has to wait: one decision over all entries. Pure.

Memory is promised from before a load until its worker has left the machine. A model that does not fit evicts what is
idle; while only busy models stand in its way, they go on serving for `patience_s` and then take no new requests, so
that nobody waits longer than patience times the number of models that wait before him. Policies are compared by
`tests/registry/memory/simulation.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce

from lsrv.model_id import ModelId
from lsrv.priority import due_s

MemoryAmounts = Mapping[str, int]  # bytes by device ("CPU" is RAM); and places, where the number of models is limited


class Stay(Enum):
    """Where a resident is between its admission and its end."""

    LOADING = "loading"
    LOADED = "loaded"
    LEAVING = "leaving"


@dataclass(frozen=True, kw_only=True)
class Want:
    """A load that waits for room. `since_s`: when the one who waits longest for it came.

    `priority`: the model's, and the highest of those who wait. `is_for_copies`: nobody leaves or waits for it.
    `is_preload`: nobody waits for it yet, so that it takes what is free, or gives up.
    """

    model_id: ModelId
    memory: MemoryAmounts
    since_s: float
    priority: int = 0
    is_for_copies: bool = False
    is_preload: bool = False


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A model to which memory is promised. `since_s`: when it was loaded; `reload_s`: what loading it again costs.

    `is_borrowed`: no request has used it, only copies.
    """

    model_id: ModelId
    memory: MemoryAmounts
    stay: Stay = Stay.LOADED
    n_running: int = 0
    n_waiting: int = 0
    since_s: float = 0.0
    last_used_s: float = 0.0
    reload_s: float = 1.0
    priority: int = 0
    is_pinned: bool = False
    is_held: bool = False
    is_borrowed: bool = False

    @property
    def may_leave_now(self) -> bool:
        return self._may_ever_leave and not self.n_running and (self.is_held or not self.n_waiting)

    @property
    def _may_ever_leave(self) -> bool:
        return self.stay is Stay.LOADED and not self.is_pinned

    @property
    def may_leave_later(self) -> bool:
        return self._may_ever_leave and not self.may_leave_now


@dataclass(frozen=True)
class Eviction:
    """`model_id` has to leave so that `successor` fits."""

    model_id: ModelId
    successor: ModelId


@dataclass(frozen=True)
class Refusal:
    """`model_id` can't be loaded: it needs more than there is, or more than what pinned models leave."""

    model_id: ModelId
    needed: MemoryAmounts
    available: MemoryAmounts


@dataclass
class MemoryDecision:
    """What to do now. `held`: residents that take no new requests. `wake_s`: when to decide again, whatever happens.

    `given_up`: preloads that would have to wait until others leave.
    """

    admitted: list[ModelId] = field(default_factory=list[ModelId])
    evicted: list[Eviction] = field(default_factory=list[Eviction])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    given_up: list[ModelId] = field(default_factory=list[ModelId])
    held: set[ModelId] = field(default_factory=set[ModelId])
    wake_s: float = math.inf


def decide(
    wants: Sequence[Want], residents: Sequence[Resident], budget: MemoryAmounts, patience_s: float, now_s: float
) -> MemoryDecision:
    """The verdict over everything that waits. A device that `budget` does not name has nothing to give."""
    return _Decision(residents, budget, patience_s, now_s).over(wants)


def surplus(residents: Sequence[Resident], budget: MemoryAmounts, now_s: float) -> list[ModelId]:
    """Idle residents that have to leave because there is less than was promised, though nobody waits for it."""
    return [each.model_id for each in _Decision(residents, budget, 0.0, now_s).surplus()]


class _Decision:
    """The books of one `decide`."""

    def __init__(self, residents: Sequence[Resident], budget: MemoryAmounts, patience_s: float, now_s: float) -> None:
        self._residents, self._budget, self._patience_s, self._now_s = residents, budget, patience_s, now_s
        self._used = total(each.memory for each in residents)
        self._leaving = total(each.memory for each in residents if each.stay is Stay.LEAVING)
        self._pinned = total(each.memory for each in residents if each.is_pinned)
        self._reserved: MemoryAmounts = {}  # by wants that later ones must not overtake
        self._verdict = MemoryDecision()

    def over(self, wants: Sequence[Want]) -> MemoryDecision:
        # a step of priority is worth one patience of waiting: it comes first, and starves nobody
        for want in sorted(wants, key=lambda want: due_s(want.since_s, want.priority, self._patience_s)):
            self._consider(want)
        return self._verdict

    def surplus(self) -> list[Resident]:
        idle = [each for each in self._residents if each.may_leave_now]
        found = self._choose(Want(model_id=ModelId(""), memory={}, since_s=self._now_s), idle)
        return idle if found is None else found

    def _consider(self, want: Want) -> None:
        available = minus(self._budget, self._pinned)
        if not fits(want.memory, available):
            self._verdict.refused.append(Refusal(want.model_id, want.memory, available))
        elif fits(want.memory, minus(self._budget, self._used, self._reserved)):
            self._used = _plus(self._used, want.memory)
            self._verdict.admitted.append(want.model_id)
        elif want.is_for_copies:
            return
        elif fits(want.memory, self._soon()):
            self._reserve(want)
        elif (idle := self._choose(want, self._idle_for(want))) is not None:
            self._evict(idle, want)
        elif want.is_preload:
            self._verdict.given_up.append(want.model_id)
        else:
            self._press(want)

    def _idle_for(self, want: Want) -> list[Resident]:
        """Who may leave for `want` now. For a preload that is what was loaded for copies only."""
        idle = [each for each in self._stayers() if each.may_leave_now]
        return [each for each in idle if each.is_borrowed] if want.is_preload else idle

    def _evict(self, victims: list[Resident], want: Want) -> None:
        for victim in victims:
            self._verdict.evicted.append(Eviction(victim.model_id, want.model_id))
            self._leaving = _plus(self._leaving, victim.memory)
        self._reserve(want)

    def _press(self, want: Want) -> None:
        """Busy models stand in the way: once they had their time, they take no new requests."""
        stayers = [each for each in self._stayers() if each.may_leave_now or each.may_leave_later]
        blockers = self._choose(want, stayers)
        if blockers is None:  # what is loading or was promised to others is in the way
            if self._now_s >= want.since_s + self._patience_s:
                self._reserve(want)
            return
        busy = [each for each in blockers if each.may_leave_later]
        due_s = max(want.since_s, *(each.since_s for each in busy)) + self._patience_s
        if self._now_s < due_s:
            self._verdict.wake_s = min(self._verdict.wake_s, due_s)
            return
        self._verdict.held.update(each.model_id for each in busy)
        self._reserve(want)

    def _choose(self, want: Want, candidates: list[Resident]) -> list[Resident] | None:
        """The cheapest residents whose leaving makes room for `want`; None: even all of them would not do."""
        missing = minus(want.memory, self._soon())
        chosen: list[Resident] = []
        for each in sorted(candidates, key=self._worth):
            if any(lack > 0 < each.memory.get(device, 0) for device, lack in missing.items()):
                chosen.append(each)
                missing = minus(missing, each.memory)
        if not fits(missing, {}):
            return None
        for each in reversed(chosen.copy()):  # the most valuable first: is it needed at all?
            if fits(without := _plus(missing, each.memory), {}):
                chosen.remove(each)
                missing = without
        return chosen

    def _worth(self, each: Resident) -> tuple[object, ...]:
        """What it costs to lose a resident; of models idle for about as long the one soonest back goes first."""
        idle_s = max(self._now_s - each.last_used_s, 0.001)
        cost = each.reload_s / max(sum(each.memory.values()), 1)
        return (
            each.may_leave_later,
            not each.is_held,
            not each.is_borrowed,
            each.priority,
            -math.floor(math.log2(idle_s)),
            cost,
            each.model_id,
        )

    def _stayers(self) -> list[Resident]:
        gone = {each.model_id for each in self._verdict.evicted}
        return [each for each in self._residents if each.model_id not in gone]

    def _soon(self) -> MemoryAmounts:
        """What is free once those have left who are leaving, and is promised to nobody."""
        return _plus(minus(self._budget, self._used, self._reserved), self._leaving)

    def _reserve(self, want: Want) -> None:
        self._reserved = _plus(self._reserved, want.memory)


def fits(memory: MemoryAmounts, room: MemoryAmounts) -> bool:
    """Whether every device has what is needed of it."""
    return all(needed <= room.get(device, 0) for device, needed in memory.items())


def _plus(one: MemoryAmounts, other: MemoryAmounts) -> MemoryAmounts:
    return {device: one.get(device, 0) + other.get(device, 0) for device in (*one, *other)}


def minus(one: MemoryAmounts, *others: MemoryAmounts) -> MemoryAmounts:
    """What is left of `one`; below zero where there was too little."""
    devices = dict.fromkeys(device for memory in (one, *others) for device in memory)
    return {device: one.get(device, 0) - sum(each.get(device, 0) for each in others) for device in devices}


def total(memories: Iterable[MemoryAmounts]) -> MemoryAmounts:
    """The sum of amounts, device by device."""
    return reduce(_plus, memories, {})
