"""What an answer is worth beside the one taken alone, and whether a server grew. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from benchmarks.soak.asking import Answer
from benchmarks.soak.questions import EMBEDDINGS, RERANK, Question

# What the shape of a batch rounds: of an element of a vector of length 1, and of a score between 0 and 1, which the
# demo's 8-bit reranker computes from one number. Another document's score differs by more.
_TOLERANCES = {EMBEDDINGS: 1e-3, RERANK: 2e-2}


class Outcome(Enum):
    """How one request ended. The last three must never happen."""

    EQUAL = "equal to the reference"
    CANCELLED = "cancelled by the client, what had come was right"
    REFUSED = "wrong bodies, refused with the right error"
    DIED = "told that its worker died, in the middle of its stream"
    DIED_EARLY = "told that its worker died, before any text"
    ENDED = "told that it was ended by a forced unload"
    WRONG = "wrong"
    LOST = "lost"
    UNEXPECTED = "another error"


FAILURES = (Outcome.WRONG, Outcome.LOST, Outcome.UNEXPECTED)


@dataclass
class Incident:
    """A worker of `entry` that was killed, or made to end its requests (`code`: what they are told)."""

    entry: str
    code: str
    began_at: float
    ended_at: float = math.inf  # while it goes on


def judge(question: Question, reference: object, answer: Answer, incidents: Sequence[Incident]) -> Outcome:
    """`incidents`: all so far. An error is excused only by one of its own worker, during the request."""
    if answer.lost:
        return Outcome.LOST
    if question.refusal is not None and not answer.is_cancelled:
        return Outcome.REFUSED if (answer.status, answer.code) == question.refusal else Outcome.UNEXPECTED
    if answer.text and not str(reference).startswith(answer.text):
        return Outcome.WRONG
    if answer.is_cancelled:
        return Outcome.CANCELLED
    if answer.code:
        return _excuse(question, answer, incidents)
    return Outcome.EQUAL if is_equal(question, reference, answer.value) else Outcome.WRONG


def _excuse(question: Question, answer: Answer, incidents: Sequence[Incident]) -> Outcome:
    is_excused = any(
        incident.entry == question.entry
        and incident.code == answer.code
        and answer.began_at <= incident.ended_at
        and incident.began_at <= answer.ended_at
        for incident in incidents
    )
    if not is_excused:
        return Outcome.UNEXPECTED
    if answer.code == "aborted":
        return Outcome.ENDED
    return Outcome.DIED if answer.text else Outcome.DIED_EARLY


def is_equal(question: Question, reference: object, value: object) -> bool:
    """Texts to the letter; vectors and scores within what batches of another shape round."""
    if not isinstance(reference, list) or not isinstance(value, list):
        return reference == value
    if [*map(len, reference)] != [*map(len, value)]:
        return False
    pairs = zip(chain.from_iterable(reference), chain.from_iterable(value), strict=True)
    return all(math.isclose(a, b, rel_tol=0, abs_tol=_TOLERANCES[question.route]) for a, b in pairs)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The parent process at one moment."""

    rss_mb: float
    n_fds: int
    n_sockets: int
    n_children: int


_MAX_GROWTH = {"rss_mb": 6.0, "n_fds": 6, "n_sockets": 6, "n_children": 1}


@dataclass(frozen=True)
class Growth:
    """Medians of the first and the last quarter of a run."""

    name: str
    first: float
    last: float

    @property
    def is_flat(self) -> bool:
        return self.last - self.first <= _MAX_GROWTH[self.name]


def growth(samples: Sequence[Sample]) -> list[Growth]:
    """Of every figure. Needs at least one sample."""
    n_quarter = max(1, len(samples) // 4)
    return [
        Growth(
            name,
            statistics.median(getattr(each, name) for each in samples[:n_quarter]),
            statistics.median(getattr(each, name) for each in samples[-n_quarter:]),
        )
        for name in _MAX_GROWTH
    ]
