"""Slots: the seats of a context, each with the tokens its cells hold. Chooses a seat; edits no memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lsrv.engine.llama.vocab import Tokens

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
        """The free slot that remembers the most of `tokens`, and how many; of equals the longest unused one."""
        best: Slot | None = None
        best_rank = (-1, 0)
        for slot in self._slots:
            if slot.is_busy:
                continue
            rank = (n_common_prefix(slot.cached, tokens), -slot.released_step)
            if best is None or rank > best_rank:
                best, best_rank = slot, rank
        assert best is not None, "take() needs a free slot: ask can_take() first"
        best.is_busy = True
        self.n_busy += 1
        return best, best_rank[0]

    def release(self, seq_id: int, cached: Tokens) -> None:
        """Free a slot; `cached` are the tokens its cells hold now."""
        slot = self._slots[seq_id]
        slot.is_busy = False
        slot.cached = cached
        self.n_busy -= 1
        self._n_released += 1
        slot.released_step = self._n_released

    def forget_oldest(self) -> Slot | None:
        """The free slot longest unused that still holds cells, marked empty; None if there is none."""
        holding = [slot for slot in self._slots if not slot.is_busy and len(slot.cached)]
        if not holding:
            return None
        oldest = min(holding, key=lambda slot: slot.released_step)
        oldest.cached = _EMPTY
        return oldest
