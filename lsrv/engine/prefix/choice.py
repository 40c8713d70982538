"""Which holder of a prompt's beginning to take it from, whom to wait for, what is worth keeping. Pure: counts in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

H = TypeVar("H")

N_WORTH_KEEPING = 32  # tokens; fewer are read again sooner than they are kept
_COPIED_PER_READ = 8  # tokens that are certainly copied in the time one is read (measured: over 50 on a CPU)


@dataclass(frozen=True, slots=True)
class PrefixHolder(Generic[H]):
    """A holder that shares `n_shared` leading tokens with a prompt."""

    holder: H
    n_shared: int
    n_held: int  # tokens it has in memory now; a copy copies them all
    n_shortest: int = 0  # the fewest leading tokens it can give
    is_free_of_charge: bool = False  # used where it is, or by sharing cells: nothing is copied


@dataclass(frozen=True, slots=True)
class Beginning(Generic[H]):
    """`n_tokens` of a prompt that `holder` has, or will have; `value`: in tokens that need not be read."""

    holder: H
    n_tokens: int
    value: float


def n_usable(candidate: PrefixHolder[H], n_wanted: int) -> int:
    """How many of a prompt's first `n_wanted` tokens the candidate can give now."""
    n = min(candidate.n_shared, candidate.n_held, n_wanted)
    return n if n >= candidate.n_shortest else 0


def choose_source(candidates: Iterable[PrefixHolder[H]], n_wanted: int) -> Beginning[H] | None:
    """The candidate that saves most, of equals the first; None if none does. The longest shared come first."""
    best: Beginning[H] | None = None
    for candidate in candidates:
        if best is not None and min(candidate.n_shared, n_wanted) <= best.value:
            break
        n_tokens = n_usable(candidate, n_wanted)
        value = n_tokens - _copy_cost(candidate, candidate.n_held)
        if n_tokens > 0 and value > (best.value if best else 0):
            best = Beginning(candidate.holder, n_tokens, value)
    return best


def choose_leader(
    candidates: Iterable[PrefixHolder[H]], n_wanted: int, source: Beginning[H] | None, n_worth_waiting: int
) -> Beginning[H] | None:
    """The candidate whose prefill is worth waiting for, of equals the first; None if there is none.

    Candidates are still reading what they share. The longest shared come first.
    """
    least = (source.value if source else 0) + n_worth_waiting
    for candidate in candidates:
        n_tokens = min(candidate.n_shared, n_wanted)
        value = n_tokens - _copy_cost(candidate, n_tokens)
        if n_tokens > candidate.n_held and value >= least:
            return Beginning(candidate.holder, n_tokens, value)
    return None


def is_worth_copying(n_tokens: int, n_copied: int) -> bool:
    """Whether `n_tokens` tokens are worth a copy of `n_copied`."""
    return n_tokens * _COPIED_PER_READ > n_copied


def is_worth_keeping(n_tokens: int, others: Iterable[PrefixHolder[H]]) -> bool:
    """Whether `n_tokens` tokens are worth a copy, given who else has their beginning. The longest shared come first."""
    for other in others:
        if not _is_own(n_tokens - n_usable(other, n_tokens), n_tokens):
            return False
        if _is_own(n_tokens - other.n_shared, n_tokens):
            break  # nor is anything the matter with those that share less
    return _is_own(n_tokens, n_tokens)


def _is_own(n_own: int, n_tokens: int) -> bool:
    """Whether a sequence of which nobody else has `n_own` tokens differs enough to be kept."""
    return n_own >= N_WORTH_KEEPING and n_own * _COPIED_PER_READ >= n_tokens


def _copy_cost(candidate: PrefixHolder[H], n_copied: int) -> float:
    return 0 if candidate.is_free_of_charge else n_copied / _COPIED_PER_READ
