"""How guesses fared: what the next one's chance is to be right. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_FORGETS_FIRST = 0.9  # per guess: texts change
_FORGETS_NEXT = 0.96  # per token
_REGAINS = 0.98  # per guess that was not worth trying: after some dozens it is tried again
_PRIOR = 2.0  # tokens that the prior chance counts for
_PRIOR_NEXT = 0.8  # what was copied so far is mostly copied on


@dataclass(slots=True)
class Chance:
    """The chance of a guessed token to be right, by those that were."""

    prior: float  # before there was any
    _forgets: float
    _n_right: float = 0.0
    _n_wrong: float = 0.0

    @property
    def value(self) -> float:
        return (self._n_right + _PRIOR * self.prior) / (self._n_right + self._n_wrong + _PRIOR)

    def learn(self, n_right: int, n_wrong: int) -> None:
        kept = self._forgets ** (n_right + n_wrong)
        self._n_right = kept * self._n_right + n_right
        self._n_wrong = kept * self._n_wrong + n_wrong

    def regain(self) -> None:
        """Come a little nearer to the prior."""
        self._n_right *= _REGAINS
        self._n_wrong *= _REGAINS


@dataclass(slots=True)
class GuessRecord:
    """Texts copy in runs. The first token of a run is hard to foresee, the next ones follow: two chances."""

    first: Chance
    next: Chance
    is_in_run: bool = False  # the last token was as guessed

    @classmethod
    def fresh(cls, first: float, following: float = _PRIOR_NEXT) -> GuessRecord:
        """A record without experience, with such chances."""
        return cls(Chance(first, _FORGETS_FIRST), Chance(following, _FORGETS_NEXT))

    @property
    def chance(self) -> float:
        """The chance of the next guessed token to be right."""
        return self.next.value if self.is_in_run else self.first.value

    def learn(self, n_guessed: int, n_right: int) -> None:
        """Take in that of `n_guessed` tokens, one at least, `n_right` were right before the first that was not."""
        (self.next if self.is_in_run else self.first).learn(int(n_right > 0), int(n_right == 0))
        if n_right:
            self.next.learn(n_right - 1, int(n_right < n_guessed))
        self.is_in_run = n_right == n_guessed

    def passed(self) -> None:
        """Take in that there may have been a guess, and it was not made."""
        self.is_in_run = False
        self.first.regain()
        self.next.regain()
