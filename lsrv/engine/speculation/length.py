"""How many tokens are worth guessing: by how often guesses were right, and what a longer batch costs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.engine.cost import Curve

_NO_TIME_S = 1e-9
_FORGETS = 0.9  # per verified guess: texts change
_REGAINS = 0.98  # per guess that was not worth trying: after some dozens it is tried again
_HOPELESS = 0.1  # a guess that is right more rarely is not made, whatever it costs
_PRIOR = 2.0  # guesses that the prior chance counts for


@dataclass(slots=True)
class GuessRecord:
    """How guesses for one sequence fared: the chance that the next one is right, given that those before it were."""

    prior: float = 0.5  # before there was any
    _n_right: float = 0.0
    _n_wrong: float = 0.0

    @property
    def chance(self) -> float:
        return (self._n_right + _PRIOR * self.prior) / (self._n_right + self._n_wrong + _PRIOR)

    def verified(self, n_guessed: int, n_right: int) -> None:
        self._n_right = _FORGETS * self._n_right + n_right
        self._n_wrong = _FORGETS * self._n_wrong + (n_right < n_guessed)

    def passed(self) -> None:
        """There was a guess, and it was not worth verifying."""
        self._n_right *= _REGAINS
        self._n_wrong *= _REGAINS


def n_worth_guessing(chance: float, n_max: int, n_step: int, cost: Curve, guess_s: float = 0.0) -> int:
    """How many guesses to add to a step of `n_step` tokens, so that it writes the most tokens per second.

    chance: of each guess to be right if those before it are. guess_s: what it takes to make one. Sizes that were never
    tried are taken to cost what the largest one did, so that they are tried where they could pay: kernels for several
    rows may be slow for four tokens and fast for sixteen.
    """
    best, best_rate = 0, n_step / max(cost.least_seconds(n_step), _NO_TIME_S)
    n_expected, p_all_right = float(n_step), 1.0
    for n in range(1, n_max + 1):
        p_all_right *= chance
        if p_all_right < _HOPELESS:
            break
        n_expected += p_all_right
        rate = n_expected / max(cost.least_seconds(n_step + n) + n * guess_s, _NO_TIME_S)
        if rate > best_rate:
            best, best_rate = n, rate
    return best
