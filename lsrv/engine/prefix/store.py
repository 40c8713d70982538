"""Sequences that lost their slot, as states in the host's memory: bounded, the one unused longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lsrv.engine.adapters import AdapterSet
from lsrv.engine.llama.memory import State
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.prefix.spans import Spans


@dataclass(slots=True, eq=False)
class SavedSequence:
    """A sequence outside of any slot. `state` is the store's, until it gave way."""

    tokens: Tokens
    adapters: AdapterSet  # that its state was computed with
    n_shortest: int  # the fewest leading tokens it can be cut back to
    state: State

    @property
    def size_bytes(self) -> int:
        return self.tokens.nbytes + self.state.nbytes


class SequenceStore:
    """Saved sequences, of `max_bytes` at most.

    Their states share one piece of memory, which the system gives as it is written to for the first time: that takes
    longer than all the rest of a copy (seen: 36 ms for 16 MB in a virtual machine, 0.9 ms where it was written before).
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._memory: State = np.empty(max_bytes, np.uint8)
        self._spans = Spans(max_bytes)
        self._saved: OrderedDict[SavedSequence, int] = OrderedDict()  # where its state starts; the last used last
        self._held: SavedSequence | None = None
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._saved)

    def __iter__(self) -> Iterator[SavedSequence]:
        """Saved sequences, the last used first."""
        return reversed(self._saved)

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether tokens and a state of that size can be kept at all, if others give way."""
        return size_bytes <= self.max_bytes

    def add(
        self, tokens: Tokens, adapters: AdapterSet, n_shortest: int, n_state_bytes: int
    ) -> tuple[SavedSequence, list[SavedSequence]]:
        """A new sequence, for which there is room, and those that gave way. Its state is still to be written."""
        gone: list[SavedSequence] = []
        while (start := self._place(tokens.nbytes, n_state_bytes)) is None:
            oldest = next(iter(self._saved))
            self.remove(oldest)
            gone.append(oldest)
        saved = SavedSequence(tokens, adapters, n_shortest, self._memory[start : start + n_state_bytes])
        self._saved[saved] = start
        self.size_bytes += saved.size_bytes
        return saved, gone

    def hold(self, saved: SavedSequence | None) -> None:
        """Note a use: the state can be read until another one is held, even if it gives way before that."""
        self._held = saved
        if saved is not None:
            self._saved.move_to_end(saved)

    def remove(self, saved: SavedSequence) -> None:
        self._spans.give_back(self._saved.pop(saved))
        self.size_bytes -= saved.size_bytes
        if saved is self._held:
            saved.state = saved.state.copy()  # others write over it before it is read

    def _place(self, n_token_bytes: int, n_state_bytes: int) -> int | None:
        if self.size_bytes + n_token_bytes + n_state_bytes > self.max_bytes:
            return None
        return self._spans.take(n_state_bytes)
