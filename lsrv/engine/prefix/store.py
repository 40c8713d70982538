"""Sequences that lost their slot, as states in the host's memory: bounded, the one unused longest goes first. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from lsrv.engine.adapters import AdapterSet
from lsrv.engine.llama.memory import State
from lsrv.engine.llama.vocab import Tokens


@dataclass(frozen=True, slots=True, eq=False)
class SavedSequence:
    """A sequence outside of any slot."""

    tokens: Tokens
    adapters: AdapterSet  # that its state was computed with
    n_shortest: int  # the fewest leading tokens it can be cut back to
    state: State

    @property
    def size_bytes(self) -> int:
        return self.tokens.nbytes + self.state.nbytes


class SequenceStore:
    """At most `max_bytes` of saved sequences."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._saved: OrderedDict[SavedSequence, None] = OrderedDict()  # the least recently used first
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._saved)

    def __iter__(self) -> Iterator[SavedSequence]:
        """From the last used on."""
        return reversed(self._saved)

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether something of that size can be kept at all, if others give way."""
        return size_bytes <= self.max_bytes

    def add(self, saved: SavedSequence) -> list[SavedSequence]:
        """Keep a sequence for which there is room; returns those that gave way."""
        self._saved[saved] = None
        self.size_bytes += saved.size_bytes
        gone: list[SavedSequence] = []
        while self.size_bytes > self.max_bytes:
            oldest = next(iter(self._saved))
            self.remove(oldest)
            gone.append(oldest)
        return gone

    def touch(self, saved: SavedSequence) -> None:
        """It was used just now."""
        self._saved.move_to_end(saved)

    def remove(self, saved: SavedSequence) -> None:
        del self._saved[saved]
        self.size_bytes -= saved.size_bytes
