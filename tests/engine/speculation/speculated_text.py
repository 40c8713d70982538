"""Streams whose text and machine are made up, guessed at by the real Speculation: what guesses win, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lsrv.engine.cost import StepCost
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.sequence import Sequence
from lsrv.engine.speculation.speculation import Speculation

N_TOKENS = 192
_N_PROMPT = 51
_N_GUESS_MAX = 16
_N_ROOM = 512
_RIGHT, _WRONG = 1, 0

Text = list[bool | None]  # by position: whether the guess for it is right; None: there is none
Curve = Mapping[int, float]  # milliseconds by tokens of a step; straight lines between


@dataclass(frozen=True)
class Machine:
    """How long steps take, and how much that varies: a share, steps that something holds up, and a slow start."""

    curve: Curve
    noise: float = 0.0
    held_up: float = 0.0  # share of steps that take up to four times as long
    n_slow: int = 0  # steps' time after a load while something else takes more than half of the machine

    def mean_s(self, n_tokens: int) -> float:
        return self._all_s[n_tokens]

    @cached_property
    def _all_s(self) -> list[float]:
        sizes, milliseconds = list(self.curve), list(self.curve.values())
        return (np.interp(range(sizes[-1]), sizes, milliseconds) / 1e3).tolist()


class _Scripted:
    """Guesses as the texts say."""

    is_free = True
    first_chance = 0.3

    def __init__(self, texts: list[Text]) -> None:
        self._texts = texts

    def has_guess(self, sequence: Sequence) -> bool:
        return self._texts[sequence.request_id][len(sequence.generated)] is not None

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        return {each: self._guess(each, n) for each, n in wanted.items()}

    def _guess(self, sequence: Sequence, n: int) -> list[int]:
        start = len(sequence.generated)
        return [_RIGHT if is_right else _WRONG for is_right in self._texts[sequence.request_id][start : start + n]]

    def forget(self, sequence: Sequence) -> None:
        pass

    def clear(self) -> None:
        pass


class Stage:
    """A model after its load. Its steps are those of the engine, without llama.cpp."""

    def __init__(self, machine: Machine, texts: list[Text], seed: int) -> None:
        self.n_guessed = 0
        self._machine = machine
        self._rng = random.Random(seed)
        self._cost = StepCost()
        self._speculation = Speculation(_Scripted(texts), _N_GUESS_MAX, 4 * _N_GUESS_MAX, 4 * N_TOKENS)
        self._texts = texts
        self._n_answers = 0
        self._clock_s = 0.0

    def gain(self, n_streams: int = 1) -> float:
        """How many times faster than without guesses the next answers, one per stream, are written."""
        n_read = n_streams * _N_PROMPT
        self._cost.observe(0, n_read, 0, self._machine.mean_s(n_read))
        numbers = range(self._n_answers, self._n_answers + n_streams)
        self._n_answers += n_streams
        streams = [_stream(number, number - numbers[0]) for number in numbers]
        plain_s = (N_TOKENS - 1) * self._machine.mean_s(n_streams) + self._slow_s(n_streams)
        started_s = self._clock_s
        while streams:
            self._step(streams)
            for ended in [each for each in streams if len(each.generated) >= N_TOKENS]:
                self._speculation.forget(ended)
                streams.remove(ended)
        return plain_s / (self._clock_s - started_s)

    def _step(self, streams: list[Sequence]) -> None:
        self._speculation.guess(streams, len(streams), _N_ROOM, self._cost)
        n_guesses = sum(len(each.guesses) for each in streams)
        self.n_guessed += n_guesses
        n_tokens = len(streams) + n_guesses
        took_s = self._machine.mean_s(n_tokens)
        took_s = min(2.5 * took_s, took_s + self._slow_s(len(streams)))
        self._clock_s += took_s
        self._cost.observe(n_tokens, 0, 0, took_s * self._disturbance())
        for each in streams:
            self._write(each)

    def _slow_s(self, n_streams: int) -> float:
        """What is left to lose by the slow start: of so many steps' time, more than half."""
        return 0.6 * max(0.0, self._machine.n_slow * self._machine.mean_s(n_streams) - self._clock_s)

    def _disturbance(self) -> float:
        """What is measured but not counted: it would hit an answer without guesses alike."""
        factor = max(0.9, self._rng.lognormvariate(0.0, self._machine.noise))
        return factor * self._rng.uniform(1.5, 4.0) if self._rng.random() < self._machine.held_up else factor

    def _write(self, stream: Sequence) -> None:
        n_right = 0
        stream.generated.append(_RIGHT)
        for guess in stream.guesses:
            if guess == _WRONG or len(stream.generated) == N_TOKENS:
                break
            n_right += 1
            stream.generated.append(_RIGHT)
        stream.n_past = stream.n_tokens - 1
        if stream.guesses:
            self._speculation.verified(stream, n_right)
            stream.guesses = []


def _stream(number: int, seq_id: int) -> Sequence:
    return Sequence(
        request_id=number,
        prompt=np.zeros(_N_PROMPT, np.int32),
        sampler=None,
        text=TextAssembler(),
        n_max_tokens=N_TOKENS,
        submitted_at=0.0,
        seq_id=seq_id,
        n_past=_N_PROMPT,
        generated=[_RIGHT],
    )
