"""Who waits for a place, in the order in which they get one. Pure: time is a parameter."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from lsrv.priority import due_s


class _Wait(NamedTuple):
    since_s: float
    priority: int

    @property
    def due_s(self) -> float:
        return due_s(self.since_s, self.priority)


class Waiting:
    """Tickets, first come first served but for their priority."""

    def __init__(self) -> None:
        self._waits: dict[int, _Wait] = {}  # in order of turn
        self._last_due_s = -math.inf  # of all that were added since it was empty

    def __len__(self) -> int:
        return len(self._waits)

    def __iter__(self) -> Iterator[int]:
        """Tickets, the next one first."""
        return iter(self._waits)

    def __contains__(self, ticket: object) -> bool:
        return ticket in self._waits

    @property
    def since_s(self) -> float:
        """When the one came who waits longest; math.inf if nobody does."""
        return min((wait.since_s for wait in self._waits.values()), default=math.inf)

    @property
    def priorities(self) -> list[int]:
        """Priorities of all who wait, in order of turn."""
        return [wait.priority for wait in self._waits.values()]

    def add(self, ticket: int, now_s: float, priority: int = 0) -> None:
        """Queue a ticket behind all whose turn is sooner, or as soon."""
        wait = self._waits[ticket] = _Wait(now_s, priority)
        if wait.due_s < self._last_due_s:
            self._waits = dict(sorted(self._waits.items(), key=lambda item: item[1].due_s))
        self._last_due_s = max(self._last_due_s, wait.due_s)

    def discard(self, ticket: int) -> None:
        """Who left, or never waited, waits no longer."""
        self._waits.pop(ticket, None)
        if not self._waits:
            self._last_due_s = -math.inf

    def take(self, n: int | None = None) -> list[int]:
        """Tickets whose turn it is, `n` of them or all; they wait no longer."""
        tickets = list(itertools.islice(self._waits, n))
        for ticket in tickets:
            self.discard(ticket)
        return tickets
