"""Guesses from what a request says its answer will mostly be. Pure.

https://platform.openai.com/docs/guides/predicted-outputs
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

_N_GRAM = 3


class Prediction:
    """The tokens of one prediction, and how far an answer has come in it.

    It is followed from its beginning for as long as the answer is the same. Where they parted, it is found again by the
    last three tokens: behind the last place that was found, if they stand there, else anywhere.
    """

    __slots__ = ("_place", "_places", "_tokens")

    def __init__(self, tokens: list[int]) -> None:
        self._tokens = tokens
        self._places: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)  # a run -> the indices behind it
        for end in range(_N_GRAM, len(tokens)):
            self._places[tuple(tokens[end - _N_GRAM : end])].append(end)
        self._place = 0

    def has_guess(self, written: list[int]) -> bool:
        """Whether it goes on behind what was written until now."""
        return self._find(written) is not None

    def guess(self, written: list[int], n_max: int) -> list[int]:
        """Up to `n_max` tokens that may come next."""
        place = self._find(written)
        if place is None:
            return []
        self._place = place
        return self._tokens[place : place + n_max]

    def _find(self, written: list[int]) -> int | None:
        n = len(written)
        if n < _N_GRAM:
            return n if n < len(self._tokens) and written == self._tokens[:n] else None
        places = self._places.get(tuple(written[-_N_GRAM:]))
        if places is None:
            return None
        at = bisect_left(places, self._place)
        return places[at] if at < len(places) else places[0]
