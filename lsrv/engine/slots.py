"""Slots: the seats of a context, each with the tokens its cells hold. Chooses a seat; edits no memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lsrv.engine.llama.vocab import Tokens

_N_WORTH_KEEPING = 32  # tokens; fewer are read again sooner than a stream apart from the others is computed
_EMPTY: Tokens = np.empty(0, np.int32)


@dataclass(slots=True, eq=False)
class Slot:
    seq_id: int
    is_busy: bool = False
    cached: Tokens = field(default_factory=lambda: _EMPTY)  # tokens whose cells are in memory, in order
    released_step: int = 0


def n_common_prefix(a: Tokens, b: Tokens) -> int:
    """How many leading tokens `a` and `b` share."""
    n = min(len(a), len(b))
    differing = np.flatnonzero(a[:n] != b[:n])
    return int(differing[0]) if len(differing) else n


class Slots:
    """The slots of one context: free, busy, and what free ones still remember."""

    def __init__(self, n_slots: int) -> None:
        self._slots = [Slot(seq_id) for seq_id in range(n_slots)]
        self.n_busy = 0
        self._n_released = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, seq_id: int) -> Slot:
        return self._slots[seq_id]

    def can_take(self) -> bool:
        return self.n_busy < len(self._slots)

    def take(self, tokens: Tokens) -> tuple[Slot, int]:
        """The best free slot for `tokens`, and how many of them it remembers. Needs `can_take`.

        1. The one that remembers most of them, if that saves a prefill worth speaking of.
        2. Else the one with the most busy neighbours: streams side by side share a pass over the weights.
        3. Of equals the one that remembers more, then the one unused longest, so that memories live long.
        """
        known = {slot.seq_id: n_common_prefix(slot.cached, tokens) for slot in self._slots if not slot.is_busy}

        def rank(seq_id: int) -> tuple[int, int, int, int]:
            n_known = known[seq_id]
            n_worth = n_known if n_known >= _N_WORTH_KEEPING else 0
            return n_worth, self._n_busy_neighbours(seq_id), n_known, -self._slots[seq_id].released_step

        best = self._slots[max(known, key=rank)]
        best.is_busy = True
        self.n_busy += 1
        return best, known[best.seq_id]

    def _n_busy_neighbours(self, seq_id: int) -> int:
        beside = self._slots[max(0, seq_id - 1) : seq_id + 2]
        return sum(slot.is_busy for slot in beside)

    def release(self, seq_id: int, cached: Tokens) -> None:
        """Free a slot; `cached` are the tokens its cells hold now."""
        slot = self._slots[seq_id]
        slot.is_busy = False
        slot.cached = cached
        self.n_busy -= 1
        self._n_released += 1
        slot.released_step = self._n_released
