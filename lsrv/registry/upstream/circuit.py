"""When a remote server that keeps failing is left alone, and when it is tried again. Pure: time is a parameter.

closed ──3 failures in a row──> open ──its time is over──> one request is let through, the probe
  ^                              ^                                  │ fails: open for twice as long
  └────────── any success ───────┴──────────────────────────────────┘
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace

from lsrv.errors import ErrorInfo

N_FAILURES_IN_A_ROW = 3
_FIRST_OPEN_S = 5.0
_MAX_OPEN_S = 120.0


class CallOutcome(enum.Enum):
    """What a request tells about the server. Refusing one, or having no room, is a sign of life."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOTHING = "nothing"  # it was never sent, or its client left


@dataclass(frozen=True)
class Circuit:
    """The record of one server. `n_openings`: in a row, without a success between them; 0: closed."""

    n_failures: int = 0
    n_openings: int = 0
    open_until_s: float = -math.inf
    is_probing: bool = False
    failure: ErrorInfo | None = None  # the last one, while the circuit is open

    @property
    def is_open(self) -> bool:
        return self.n_openings > 0

    def admits(self, now_s: float) -> bool:
        """Whether a request may be sent."""
        return not self.is_open or (now_s >= self.open_until_s and not self.is_probing)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next probe may be sent, and at least one second: another probe may be on its way."""
        return max(1.0, self.open_until_s - now_s)

    def began(self) -> Circuit:
        """Take in that a request was admitted: while the circuit is open it is the probe."""
        return replace(self, is_probing=self.is_open)

    def ended(self, outcome: CallOutcome, failure: ErrorInfo | None, now_s: float, *, was_probe: bool) -> Circuit:
        """Take in how a request ended. One that began before the circuit opened, and fails, opens it no further."""
        if outcome is CallOutcome.SUCCESS:
            return Circuit()
        if outcome is CallOutcome.NOTHING:
            return replace(self, is_probing=self.is_probing and not was_probe)
        if was_probe:
            return self._opened(failure, now_s)
        if self.is_open:
            return self
        counted = replace(self, n_failures=self.n_failures + 1)
        return counted if counted.n_failures < N_FAILURES_IN_A_ROW else counted._opened(failure, now_s)

    def _opened(self, failure: ErrorInfo | None, now_s: float) -> Circuit:
        open_s = min(_FIRST_OPEN_S * 2.0 ** min(self.n_openings, 10), _MAX_OPEN_S)
        return Circuit(self.n_failures, self.n_openings + 1, now_s + open_s, False, failure)
