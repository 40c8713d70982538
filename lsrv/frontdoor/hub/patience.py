"""How often and how long the network is asked again. Waits end as soon as the build is cancelled."""

from __future__ import annotations

import random
from dataclasses import dataclass

from lsrv.errors import FetchError
from lsrv.frontdoor.progress import Cancel


class PassingError(FetchError):
    """May be gone a moment later: a broken connection, a busy server. `retry_after_s`: what the server asked for."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Patience:
    """`n_retries` in a row without a single new byte is the end; each wait doubles up to `longest_wait_s`."""

    n_retries: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    longest_retry_after_s: float = 300.0  # a server that wants more than that is told about, not waited for
    connect_timeout_s: float = 6.0
    stall_timeout_s: float = 30.0  # without a single byte
    answer_timeout_s: float = 120.0  # for a whole listing, however steadily it drips


class Backoff:
    """One row of failures of one connection."""

    def __init__(self, patience: Patience, cancel: Cancel) -> None:
        self._patience = patience
        self._cancel = cancel
        self._n_failed = 0

    def reset(self) -> None:
        """Something arrived: failures before no longer count."""
        self._n_failed = 0

    def wait(self, error: PassingError) -> None:
        """Sleep before the next attempt. Raises `error` when it is time to give up, BuildCancelledError on cancel."""
        asked_s = error.retry_after_s or 0.0
        if self._n_failed >= self._patience.n_retries or asked_s > self._patience.longest_retry_after_s:
            raise error
        wait_s = min(self._patience.first_wait_s * 2**self._n_failed, self._patience.longest_wait_s)
        self._n_failed += 1
        # Jitter, so that connections that failed together do not come back together.
        self._cancel.wait(max(asked_s, wait_s * random.uniform(0.75, 1.25)))
        self._cancel.check()
