"""Which sequences get guesses in a step, and how many: asks a source of guesses, learns from how they fared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from lsrv.engine.cost import Curve
from lsrv.engine.sequence import Sequence
from lsrv.engine.speculation.length import GuessRecord, n_worth_guessing
from lsrv.engine.speculation.lookup import PromptLookup

_NEWEST = 0.2  # share of the newest measurement in a mean


class Guesser(Protocol):
    """Where guesses come from."""

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        """At most so many tokens for each sequence; a sequence without a guess may be left out."""
        ...

    def forget(self, sequence: Sequence) -> None:
        """A sequence has ended."""
        ...

    def clear(self) -> None:
        """All sequences have ended, and their cells are gone."""
        ...


class Lookup:
    """Guesses from each sequence's own tokens."""

    def __init__(self) -> None:
        self._lookups: dict[Sequence, PromptLookup] = {}

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        return {sequence: self._lookup(sequence).guess(n) for sequence, n in wanted.items()}

    def forget(self, sequence: Sequence) -> None:
        self._lookups.pop(sequence, None)

    def clear(self) -> None:
        self._lookups.clear()

    def _lookup(self, sequence: Sequence) -> PromptLookup:
        lookup = self._lookups.get(sequence)
        if lookup is None:
            lookup = self._lookups[sequence] = PromptLookup(sequence.prompt.tolist())
        lookup.extend(sequence.generated[lookup.n_tokens - len(sequence.prompt) :])
        return lookup


class Speculation:
    """Guesses for the sequences of one engine. Belongs to the engine thread."""

    def __init__(self, guesser: Guesser, n_max: int, n_max_step: int, n_ctx_seq: int) -> None:
        """`n_max`: guesses for one sequence in a step; `n_max_step`: for all together."""
        self._n_ctx_seq = n_ctx_seq
        self._guesser = guesser
        self._n_max = n_max
        self._n_max_step = n_max_step
        self._records: dict[Sequence, GuessRecord] = {}
        self._guess_s = 0.0  # what one guess takes to be made

    def guess(self, sequences: Iterable[Sequence], n_step: int, cost: Curve) -> None:
        """Set `guesses` of the sequences that a step of `n_step` tokens decodes."""
        wanted: dict[Sequence, int] = {}
        n_left = self._n_max_step
        for sequence in sequences:
            wanted[sequence] = n = self._n_wanted(sequence, min(n_left, self._n_max), n_step, cost)
            n_left -= n
        for sequence, tokens in self._timed_guesses(wanted).items():
            sequence.guesses = sequence.constraint.possible(tokens) if sequence.constraint else tokens

    def verified(self, sequence: Sequence, n_right: int) -> None:
        """`n_right` of a sequence's guesses were what it wrote."""
        self._record(sequence).verified(len(sequence.guesses), n_right)

    def forget(self, sequence: Sequence) -> None:
        """A sequence has ended."""
        self._records.pop(sequence, None)
        self._guesser.forget(sequence)

    def clear(self) -> None:
        """All sequences have ended, and their cells are gone."""
        self._records.clear()
        self._guesser.clear()

    def _n_wanted(self, sequence: Sequence, n_max: int, n_step: int, cost: Curve) -> int:
        # The last token of an answer follows from the one before it: there is nothing to guess behind it.
        n_max = min(n_max, sequence.n_max_tokens - len(sequence.generated) - 1)
        n_max = min(n_max, self._n_ctx_seq - sequence.n_past - sequence.n_unread)
        record = self._record(sequence)
        n = n_worth_guessing(record.chance, n_max, n_step, cost, self._guess_s)
        if n == 0:
            record.passed()
        return n

    def _record(self, sequence: Sequence) -> GuessRecord:
        record = self._records.get(sequence)
        if record is None:
            record = self._records[sequence] = GuessRecord()
        return record

    def _timed_guesses(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        started = time.perf_counter()
        guesses = self._guesser.guess({sequence: n for sequence, n in wanted.items() if n > 0})
        n_guesses = max(map(len, guesses.values()), default=0)  # those of several sequences are made together
        if n_guesses:
            self._guess_s += _NEWEST * ((time.perf_counter() - started) / n_guesses - self._guess_s)
        return guesses
