"""Which parts of a piece of memory are taken. Pure: numbers only."""

from __future__ import annotations

import bisect


class Spans:
    """Parts of `n_bytes`, as low as they fit: what was written to once is written to again."""

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes
        self._taken: list[tuple[int, int]] = []  # (start, end), rising

    def take(self, n_bytes: int) -> int | None:
        """Where a new part of `n_bytes`, at least one, starts; None where no gap is as large as that."""
        start = 0
        for taken, end in self._taken:
            if taken - start >= n_bytes:
                break
            start = end
        if start + n_bytes > self._n_bytes:
            return None
        bisect.insort(self._taken, (start, start + n_bytes))
        return start

    def give_back(self, start: int) -> None:
        """The part that starts there is needed no more."""
        del self._taken[bisect.bisect_left(self._taken, (start, start))]
