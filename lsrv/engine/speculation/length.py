"""How many tokens are worth guessing: by the chances of guesses, and what a longer batch costs. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_HOPELESS = 0.1  # a guess that is right more rarely is not made, whatever it costs
_NEEDED = 1.05  # times the speed without guesses, or what is expected is within its own error
_DEBT_AT_FIRST = 2.0
_REPAID = 0.01
_PER_DEBT = 0.1
_PER_STEP = 0.06


@dataclass(frozen=True, slots=True)
class GuessWish:
    """A sequence that could have `n_max` guesses."""

    first: float  # chance of the first one
    following: float  # of each further one, if those before it are right
    n_max: int


@dataclass(frozen=True, slots=True)
class Price:
    """Seconds that a step takes: by the tokens of its batch, and by the guesses of the sequence with the most."""

    step_s: Callable[[int], float]
    guess_s: float = 0.0


def plan_guesses(
    wishes: Sequence[GuessWish], n_streams: int, n_step: int, n_max: int, price: Price, needed: float = 1.0
) -> list[int]:
    """How many guesses each wish gets, so that a step for `n_streams` writes the most tokens per second.

    Its batch holds `n_step` tokens anyhow, and `n_max` guesses at most. All are 0 unless it then writes `needed` times
    as many tokens per second as without guesses.

    The likeliest guess of all sequences comes first: so the best ones are known for every number of guesses. Every
    number is tried: kernels for several rows may be slow for four tokens and fast for sixteen.
    """
    n_each, best = [0] * len(wishes), [0] * len(wishes)
    plain_s = price.step_s(n_step)
    if plain_s <= 0:
        return best
    likeliest = [(-wish.first, index) for index, wish in enumerate(wishes) if wish.n_max > 0]
    heapq.heapify(likeliest)
    n_written, best_rate = float(n_streams), needed * n_streams / plain_s
    for n_guesses in range(1, n_max + 1):
        if not likeliest or -likeliest[0][0] < _HOPELESS:
            break
        chance, index = -likeliest[0][0], likeliest[0][1]
        n_written += chance
        n_each[index] += 1
        if n_each[index] < wishes[index].n_max:
            heapq.heapreplace(likeliest, (-chance * wishes[index].following, index))
        else:
            heapq.heappop(likeliest)
        rate = n_written / (price.step_s(n_step + n_guesses) + max(n_each) * price.guess_s)
        if rate > best_rate:
            best, best_rate = n_each.copy(), rate
    return best


@dataclass(slots=True)
class Caution:
    """How much faster than without guesses a step must seem to be. Estimates err, and the loss is to stay small.

    Counts in steps without guesses: what guesses have lost so far, and how long ago the last such step was, by which
    all others are measured.
    """

    debt: float = _DEBT_AT_FIRST
    _n_since: int = 0

    @property
    def needed(self) -> float:
        return _NEEDED + _PER_DEBT * self.debt + _PER_STEP * self._n_since

    def learn(self, n_saved: float, *, has_guesses: bool) -> None:
        """A step saved so many steps without guesses; it lost some if that is negative."""
        self.debt = max(0.0, self.debt - n_saved - _REPAID)
        self._n_since = self._n_since + 1 if has_guesses else 0
