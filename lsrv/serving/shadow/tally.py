"""What became of the copies for one shadow: counts, times, and the last differences. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from lsrv.protocol.events import Usage

_N_DIFFERENCES = 10
_N_SHOWN = 500  # characters of each text, beginning a little before the first one that differs
_N_BEFORE = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """A shadow's answer to a copy. Times count from when it had its place: without queue and load."""

    texts: list[str]
    ttft_s: float
    total_s: float
    usage: Usage


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two answers that are not the same: the choice and the character where they part, and both texts around it."""

    request_id: str
    choice: int
    at: int
    answer: str
    shadow: str


class ShadowView(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow now. Sent: those that are equal, different or failed; times are means of those that were answered."""

    model: str
    n_waiting: int
    n_equal: int
    n_different: int
    n_failed: int
    n_dropped: int
    n_prompt_tokens: int
    n_completion_tokens: int
    ttft_s: float | None
    total_s: float | None
    last_error: str | None
    differences: list[Difference]  # the last ones, the newest first


@dataclass(slots=True)
class Tally:
    """Counts since the server's start, or since the route has that shadow."""

    n_equal: int = 0
    n_different: int = 0
    n_failed: int = 0
    n_dropped: int = 0
    n_prompt_tokens: int = 0
    n_completion_tokens: int = 0
    ttft_s: float = 0.0  # sums
    total_s: float = 0.0
    last_error: str | None = None
    differences: deque[Difference] = field(default_factory=lambda: deque[Difference](maxlen=_N_DIFFERENCES))

    @property
    def n_answered(self) -> int:
        """What the sums are made of."""
        return self.n_equal + self.n_different

    def hear(self, request_id: str, answer: Sequence[str], heard: Heard) -> None:
        """Take in that a copy was answered."""
        difference = find_difference(request_id, answer, heard.texts)
        if difference is None:
            self.n_equal += 1
        else:
            self.n_different += 1
            self.differences.appendleft(difference)
        self.n_prompt_tokens += heard.usage.n_prompt_tokens
        self.n_completion_tokens += heard.usage.n_completion_tokens
        self.ttft_s += heard.ttft_s
        self.total_s += heard.total_s

    def fail(self, reason: str) -> None:
        """A copy was not answered."""
        self.n_failed += 1
        self.last_error = reason[:_N_SHOWN]

    def view(self, model: str, n_waiting: int) -> ShadowView:
        """A snapshot of the tally."""
        n_answered = self.n_answered
        return ShadowView(
            model=model,
            n_waiting=n_waiting,
            n_equal=self.n_equal,
            n_different=self.n_different,
            n_failed=self.n_failed,
            n_dropped=self.n_dropped,
            n_prompt_tokens=self.n_prompt_tokens,
            n_completion_tokens=self.n_completion_tokens,
            ttft_s=self.ttft_s / n_answered if n_answered else None,
            total_s=self.total_s / n_answered if n_answered else None,
            last_error=self.last_error,
            differences=list(self.differences),
        )


def find_difference(request_id: str, answer: Sequence[str], shadow: Sequence[str]) -> Difference | None:
    """Where the first choice that differs does so; None if all texts are the same."""
    for choice in range(max(len(answer), len(shadow))):
        theirs, ours = (texts[choice] if choice < len(texts) else "" for texts in (answer, shadow))
        if theirs == ours:
            continue
        at = next((i for i, (one, other) in enumerate(zip(theirs, ours, strict=False)) if one != other), None)
        at = min(len(theirs), len(ours)) if at is None else at
        shown = slice(max(0, at - _N_BEFORE), max(0, at - _N_BEFORE) + _N_SHOWN)
        return Difference(request_id=request_id, choice=choice, at=at, answer=theirs[shown], shadow=ours[shown])
    return None
