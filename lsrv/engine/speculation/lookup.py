"""Guesses from what the sequence holds already: what followed the last time its last tokens stood together. Pure.

https://github.com/apoorvumang/prompt-lookup-decoding
"""

from __future__ import annotations

_N_GRAM = 3


class PromptLookup:
    """The tokens of one sequence, with the last place of each run of three."""

    __slots__ = ("_places", "_tokens")

    def __init__(self, tokens: list[int]) -> None:
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], int] = {}  # a run -> the index behind it
        self.extend(tokens)

    @property
    def n_tokens(self) -> int:
        return len(self._tokens)

    def extend(self, tokens: list[int]) -> None:
        """Take in what the sequence went on with. Its very last run has no sequel yet, and is not entered."""
        known = self._tokens
        for token in tokens:
            if len(known) >= _N_GRAM:
                self._places[tuple(known[-_N_GRAM:])] = len(known)
            known.append(token)

    @property
    def has_guess(self) -> bool:
        """Whether the last three tokens stood together before."""
        return tuple(self._tokens[-_N_GRAM:]) in self._places

    def guess(self, n_max: int) -> list[int]:
        """Up to `n_max` tokens that may come next; a text that repeats itself is guessed on past its end."""
        place = self._places.get(tuple(self._tokens[-_N_GRAM:]))
        if place is None:
            return []
        period = self._tokens[place:]
        return [period[i % len(period)] for i in range(n_max)]
