"""Which sequences get guesses in a step, and how many: asks a source of guesses, learns from how they fared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lsrv.engine.cost import Curve
from lsrv.engine.sequence import Sequence
from lsrv.engine.speculation.length import GuessRecord, n_worth_guessing
from lsrv.engine.speculation.lookup import PromptLookup

_NEWEST = 0.2  # share of the newest measurement in a mean


class Guesser(Protocol):
    """Where guesses come from. `is_free`: making one takes next to no time; it may be made to be watched only."""

    is_free: bool

    def has_guess(self, sequence: Sequence) -> bool:
        """Whether there may be a guess. Cheap: asked for every stream in every step."""
        ...

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

    is_free = True

    def __init__(self) -> None:
        self._lookups: dict[Sequence, PromptLookup] = {}

    def has_guess(self, sequence: Sequence) -> bool:
        return self._lookup(sequence).has_guess

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


@dataclass(frozen=True, slots=True)
class _Watched:
    """A guess that was not worth verifying. What the sequence then writes tells whether it would have been right."""

    n_generated: int  # when it was made
    tokens: list[int]

    def n_right(self, generated: list[int]) -> int | None:
        """How many tokens were right; None as long as all were, and more are to come."""
        written = generated[self.n_generated : self.n_generated + len(self.tokens)]
        for n, (token, guess) in enumerate(zip(written, self.tokens, strict=False)):
            if token != guess:
                return n
        return len(self.tokens) if len(written) == len(self.tokens) else None


class Speculation:
    """Guesses for the sequences of one engine. Belongs to the engine thread."""

    def __init__(self, guesser: Guesser, n_max: int, n_max_step: int, n_ctx_seq: int) -> None:
        """`n_max`: guesses for one sequence in a step; `n_max_step`: for all together."""
        self._n_ctx_seq = n_ctx_seq
        self._guesser = guesser
        self._n_max = n_max
        self._n_max_step = n_max_step
        self._records: dict[Sequence, GuessRecord] = {}
        self._all = GuessRecord()  # of all sequences: what a new one begins with
        self._watched: dict[Sequence, _Watched] = {}
        self._guess_s = 0.0  # what one guess takes to be made

    def guess(self, sequences: Iterable[Sequence], n_step: int, n_room: int, cost: Curve) -> None:
        """Set `guesses` of the sequences that a step of `n_step` tokens decodes, with room for `n_room` more."""
        wanted: dict[Sequence, int] = {}
        n_left = min(self._n_max_step, n_room)
        for sequence in filter(self._guesser.has_guess, sequences):
            n = self._n_wanted(sequence, min(n_left, self._n_max), n_step, cost)
            if n > 0:
                wanted[sequence] = n
                n_left -= n
            else:
                self._pass(sequence)
        if not wanted:
            return
        for sequence, tokens in self._timed_guesses(wanted).items():
            sequence.guesses = sequence.constraint.possible(tokens) if sequence.constraint else tokens

    def verified(self, sequence: Sequence, n_right: int) -> None:
        """`n_right` of a sequence's guesses were what it wrote."""
        self._learn(sequence, len(sequence.guesses), n_right)

    def forget(self, sequence: Sequence) -> None:
        """A sequence has ended."""
        self._records.pop(sequence, None)
        self._watched.pop(sequence, None)
        self._guesser.forget(sequence)

    def clear(self) -> None:
        """All sequences have ended, and their cells are gone."""
        self._records.clear()
        self._watched.clear()
        self._guesser.clear()

    def _n_wanted(self, sequence: Sequence, n_max: int, n_step: int, cost: Curve) -> int:
        # The last token of an answer follows from the one before it: there is nothing to guess behind it.
        n_max = min(n_max, sequence.n_max_tokens - len(sequence.generated) - 1)
        n_max = min(n_max, self._n_ctx_seq - sequence.n_past - sequence.n_unread)
        return n_worth_guessing(self._record(sequence).chance, n_max, n_step, cost, self._guess_s)

    def _pass(self, sequence: Sequence) -> None:
        """A guess is not worth verifying now; it may be, once guesses of this text are known to be right."""
        if not self._guesser.is_free:
            self._record(sequence).passed()
            return
        watched = self._watched.get(sequence)
        n_right = watched.n_right(sequence.generated) if watched is not None else None
        if watched is not None and n_right is not None:
            self._learn(sequence, len(watched.tokens), n_right)
            del self._watched[sequence]
        if sequence not in self._watched:
            tokens = self._guesser.guess({sequence: self._n_max})[sequence]
            self._watched[sequence] = _Watched(len(sequence.generated), tokens)

    def _learn(self, sequence: Sequence, n_guessed: int, n_right: int) -> None:
        self._record(sequence).verified(n_guessed, n_right)
        self._all.verified(n_guessed, n_right)

    def _record(self, sequence: Sequence) -> GuessRecord:
        record = self._records.get(sequence)
        if record is None:
            record = self._records[sequence] = GuessRecord(self._all.chance)
        return record

    def _timed_guesses(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        started = time.perf_counter()
        guesses = self._guesser.guess(wanted)
        n_guesses = max(map(len, guesses.values()), default=0)  # those of several sequences are made together
        if n_guesses:
            self._guess_s += _NEWEST * ((time.perf_counter() - started) / n_guesses - self._guess_s)
        return guesses
