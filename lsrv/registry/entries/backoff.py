"""What went wrong with one entry, and how long it is left alone for that. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from lsrv.errors import ErrorInfo, NotEnoughMemoryError
from lsrv.registry.entries import refusals, retry_times
from lsrv.registry.loading.failure import Failure


@dataclass(slots=True)
class Mishaps:
    """`failure`: the last one, until a load succeeds. `n_deaths`: in a row, while loading."""

    failure: Failure | None = None
    retry_at_s: float = -math.inf
    n_crashes: int = 0
    n_deaths: int = 0
    _crash_times_s: deque[float] = field(default_factory=lambda: deque[float](maxlen=retry_times.N_DEATHS_IN_A_ROW))

    @property
    def known_bad(self) -> Failure | None:
        """The failure that the same files would lead to again."""
        failure = self.failure
        is_known_bad = failure is not None and failure.weights and not (failure.is_death or failure.is_retryable)
        return failure if is_known_bad else None

    def refusal(self, now_s: float) -> ErrorInfo:
        """The last failure, with when the entry may be tried again."""
        assert self.failure is not None
        return refusals.not_before(self.failure.error, self.retry_at_s - now_s)

    def lost(self, failure: Failure, now_s: float) -> bool:
        """A load was lost; whether the entry must be left alone for a while."""
        self.failure = failure
        self.n_deaths = self.n_deaths + 1 if failure.is_death else 0
        if failure.is_death:
            hold_s = retry_times.backoff_s(self.n_deaths)
        else:
            hold_s = retry_times.recheck_s(failure.is_retryable)
        if hold_s > 0:
            self.retry_at_s = now_s + hold_s
        return hold_s > 0

    def crashed(self, failure: Failure, now_s: float) -> bool:
        """The worker of a loaded model died; whether the entry must be left alone for a while."""
        self.failure = failure
        self.n_crashes += 1
        self._crash_times_s.append(now_s)
        is_loop = retry_times.is_crash_loop(self._crash_times_s, now_s)
        if is_loop:
            self.retry_at_s = now_s + retry_times.backoff_s(retry_times.N_DEATHS_IN_A_ROW)
        return is_loop

    def room_made(self) -> None:
        """What failed for want of memory may be tried again at once."""
        if self.failure is not None and self.failure.error.code == NotEnoughMemoryError.code:
            self.retry_at_s = -math.inf

    def forgive(self) -> None:
        """The entry deserves another try at once."""
        self.failure = None
        self.n_deaths = 0
        self.retry_at_s = -math.inf
