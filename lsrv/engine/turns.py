"""Whose input is computed next, when requests bring many or long ones. Pure.

Start-time fair queueing (Goyal, Vin and Cheng, 1996) with tokens for time: the request that got the fewest tokens
since it came goes first. A request of a thousand texts doesn't hold up one with a single text, and no stream of small
requests holds up a long text: a newcomer begins where the others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Line:
    """The inputs of one request that wait, as numbers of tokens."""

    key: int
    lengths: Sequence[int]
    n_served: int  # tokens, counted from where the others were when it came
    next_index: int = 0

    @property
    def next_length(self) -> int:
        return self.lengths[self.next_index]


class InputTurns:
    """Inputs of all requests, named (key of the request, index of the input)."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []  # in the order they came
        self._n_served = 0  # of the line that was served last, before it was

    def __len__(self) -> int:
        return sum(len(line.lengths) - line.next_index for line in self._lines)

    def add(self, key: int, lengths: Sequence[int]) -> None:
        """A request with inputs of these lengths, at least one."""
        self._lines.append(_Line(key, lengths, self._n_served))

    def remove(self, key: int) -> None:
        """Forget what waits of a request; of one that has nothing left, nothing."""
        self._lines = [line for line in self._lines if line.key != key]

    def take(self, n_tokens: int, n_inputs: int) -> list[tuple[int, int]]:
        """The next inputs, `n_inputs` and together `n_tokens` at most; a longer one is taken alone, in its turn."""
        taken: list[tuple[int, int]] = []
        room = n_tokens
        while self._lines and len(taken) < n_inputs:
            fitting = [line for line in self._lines if line.next_length <= room] if taken else self._lines
            if not fitting:
                break
            line = min(fitting, key=lambda line: line.n_served)
            taken.append((line.key, line.next_index))
            room -= line.next_length
            self._serve(line)
        return taken

    def _serve(self, line: _Line) -> None:
        self._n_served = max(self._n_served, line.n_served)
        line.n_served += line.next_length
        line.next_index += 1
        if line.next_index == len(line.lengths):
            self._lines.remove(line)
