"""Slots: the seats of a context, each with the tokens its cells hold. Chooses a seat; edits no memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lsrv.engine.adapters import NO_ADAPTERS, AdapterSet
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.sequence import Sequence

_EMPTY: Tokens = np.empty(0, np.int32)


@dataclass(slots=True, eq=False)
class Slot:
    """A seat. `tokens`: those whose cells are in memory, in order; while it is busy, the beginning of its sequence."""

    seq_id: int
    tokens: Tokens = field(default_factory=lambda: _EMPTY)
    adapters: AdapterSet = NO_ADAPTERS  # that its cells were computed with
    sequence: Sequence | None = None
    turn: int = 0  # rises with every slot taken or released

    @property
    def is_busy(self) -> bool:
        return self.sequence is not None

    @property
    def n_held(self) -> int:
        """How many of `tokens` have cells that can be used again."""
        return len(self.tokens) if self.sequence is None else min(self.sequence.n_reusable, len(self.tokens))

    @property
    def n_past(self) -> int:
        """How many tokens have cells, generated ones included."""
        return len(self.tokens) if self.sequence is None else self.sequence.n_past

    def all_tokens(self) -> Tokens:
        """Tokens that have cells, generated ones included: int32 (n_past,)."""
        return self.tokens if self.sequence is None else self.sequence.tokens_in_cache()


class Slots:
    """The slots of one context, free and busy."""

    def __init__(self, n_slots: int) -> None:
        self._slots = [Slot(seq_id) for seq_id in range(n_slots)]
        self._n_turns = 0
        self.n_busy = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, seq_id: int) -> Slot:
        return self._slots[seq_id]

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def can_take(self) -> bool:
        return self.n_busy < len(self._slots)

    def choose(self, near: Slot | None = None) -> Slot:
        """The best free slot. Needs `can_take`.

        1. The one with the most busy neighbours: streams side by side share a pass over the weights.
        2. Of equals `near`, which holds what is wanted; then an empty one, then the one unused longest.
        """

        def rank(slot: Slot) -> tuple[int, bool, bool, int]:
            return self._n_busy_neighbours(slot.seq_id), slot is near, not len(slot.tokens), -slot.turn

        return max((slot for slot in self._slots if not slot.is_busy), key=rank)

    def _n_busy_neighbours(self, seq_id: int) -> int:
        beside = self._slots[max(0, seq_id - 1) : seq_id + 2]
        return sum(slot.is_busy for slot in beside)

    def take(self, slot: Slot, sequence: Sequence) -> None:
        """Give a free slot to a sequence."""
        slot.sequence, slot.tokens, slot.adapters = sequence, sequence.beginning, sequence.adapters
        sequence.seq_id = slot.seq_id
        self.n_busy += 1
        self._mark(slot)

    def release(self, slot: Slot) -> None:
        """Free a slot; its tokens are those that its sequence leaves in memory."""
        assert slot.sequence is not None
        slot.tokens = slot.all_tokens()
        slot.sequence = None
        self.n_busy -= 1
        self._mark(slot)

    def by_last_use(self) -> list[Slot]:
        """Slots that hold something: busy ones, then the others from the last released on."""
        held = [slot for slot in self._slots if slot.n_past]
        return sorted(held, key=lambda slot: (slot.is_busy, slot.turn), reverse=True)

    def _mark(self, slot: Slot) -> None:
        self._n_turns += 1
        slot.turn = self._n_turns
