"""Where guesses come from: the sequence itself, what its request predicts. A draft model is in `draft`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from lsrv.engine.sequence import Sequence
from lsrv.engine.speculation.lookup import PromptLookup
from lsrv.engine.speculation.prediction import Prediction


class Guesser(Protocol):
    """A source of guesses."""

    is_free: bool  # making a guess takes next to no time; it may be made to be watched only
    first_chance: float  # of a guess to be right, before any was seen

    def has_guess(self, sequence: Sequence) -> bool:
        """Whether there may be a guess. Cheap: asked for every stream in every step."""
        ...

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        """Guessed tokens, at most so many for each sequence; a sequence without a guess may be left out."""
        ...

    def forget(self, sequence: Sequence) -> None:
        """Forget a sequence that has ended."""
        ...

    def clear(self) -> None:
        """All sequences have ended, and their cells are gone."""
        ...


class Lookup:
    """Guesses from each sequence's own tokens."""

    is_free = True
    first_chance = 0.3  # the same three tokens mean little; the next guess is watched, and tells more

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


class Nowhere:
    """No guesses at all: what an entry without speculation makes."""

    is_free = True
    first_chance = 0.0

    def has_guess(self, sequence: Sequence) -> bool:
        return False

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        return {}

    def forget(self, sequence: Sequence) -> None:
        """Nothing is known of it."""

    def clear(self) -> None:
        """Nothing is kept."""


class Predicted:
    """Guesses from predictions, where a sequence has one that goes on; else those of another guesser."""

    def __init__(self, other: Guesser) -> None:
        self._other = other
        self._predictions: dict[Sequence, Prediction] = {}
        self.is_free = other.is_free
        self.first_chance = other.first_chance

    def has_guess(self, sequence: Sequence) -> bool:
        return self._goes_on(sequence) or self._other.has_guess(sequence)

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        guesses: dict[Sequence, list[int]] = {}
        rest: dict[Sequence, int] = {}
        for sequence, n in wanted.items():
            sequence.is_guess_predicted = self._goes_on(sequence)
            if sequence.is_guess_predicted:
                guesses[sequence] = self._predictions[sequence].guess(sequence.generated, n)
            else:
                rest[sequence] = n
        return guesses | self._other.guess(rest) if rest else guesses

    def forget(self, sequence: Sequence) -> None:
        self._predictions.pop(sequence, None)
        self._other.forget(sequence)

    def clear(self) -> None:
        self._predictions.clear()
        self._other.clear()

    def _goes_on(self, sequence: Sequence) -> bool:
        if not sequence.prediction:
            return False
        prediction = self._predictions.get(sequence)
        if prediction is None:
            prediction = self._predictions[sequence] = Prediction(sequence.prediction)
        return prediction.has_guess(sequence.generated)
