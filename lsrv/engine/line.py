"""Who waits for a slot, in order of turn. Pure: time is a parameter.

Requests take turns, however many sequences one brings: only one of them stands in line at a time. When it gets its
slot, the next one joins the line as if it had come just then. With nobody else in line that is at once.
"""

from __future__ import annotations

import bisect
import operator
from collections import deque
from collections.abc import Iterator

from lsrv.engine.sequence import Sequence

_turn = operator.attrgetter("due_s")


class WaitingLine:
    """Sequences of all requests."""

    def __init__(self) -> None:
        self._line: list[Sequence] = []  # in order of turn
        self._behind: dict[int, deque[Sequence]] = {}  # by request: those that wait for one of it to leave the line

    def __len__(self) -> int:
        return len(self._line) + sum(map(len, self._behind.values()))

    def __iter__(self) -> Iterator[Sequence]:
        yield from self._line
        for sequences in self._behind.values():
            yield from sequences

    @property
    def first(self) -> Sequence:
        """Whose turn it is. Needs one."""
        return self._line[0]

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence: of a request's the first stands in line, the others wait behind it."""
        behind = self._behind.get(sequence.call_id)
        if behind is not None:
            behind.append(sequence)
            return
        if sequence.call_id:
            self._behind[sequence.call_id] = deque()
        self.put_back(sequence)

    def put_back(self, sequence: Sequence) -> None:
        """Give one its old place, that had a slot already."""
        bisect.insort(self._line, sequence, key=_turn)

    def take(self, now: float) -> Sequence:
        """The first one; the next one of its request joins the line. Needs one."""
        sequence = self._line.pop(0)
        self._call_next(sequence.call_id, now)
        return sequence

    def remove(self, sequence: Sequence) -> None:
        """Forget one that is there; the next one of its request gets its place."""
        if sequence in self._line:
            self._line.remove(sequence)
            self._call_next(sequence.call_id, sequence.queued_at)
        else:
            self._behind[sequence.call_id].remove(sequence)

    def clear(self) -> None:
        """Forget all of them."""
        self._line.clear()
        self._behind.clear()

    def _call_next(self, call_id: int, since_s: float) -> None:
        if call_id not in self._behind or any(each.call_id == call_id for each in self._line):
            return
        if not self._behind[call_id]:
            del self._behind[call_id]
            return
        sequence = self._behind[call_id].popleft()
        sequence.queued_at = since_s
        self.put_back(sequence)
