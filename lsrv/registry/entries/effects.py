"""What must be done once something has happened to an entry. Frozen values, with tickets and attempts of happenings."""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.errors import ErrorInfo
from lsrv.registry.loading.failure import Failure


@dataclass(frozen=True, slots=True)
class Grant:
    """Let the request in."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Reject:
    ticket: int
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Report:
    """What an operator asked for has come to its end, well or badly; the entry's state tells which."""

    ticket: int


@dataclass(frozen=True, slots=True)
class StartLoad:
    """Find the weights and load them. Finding `known_bad` again is a failure at once, without a worker."""

    attempt: int
    known_bad: Failure | None = None


@dataclass(frozen=True, slots=True)
class EndRequests:
    """End every request that runs in the worker with `error`."""

    attempt: int
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Stop the load or the worker of `attempt`, for a `reason` that a person can read; `Stopped` follows.

    `is_for_room`: another load waits for the memory and for a worker, which may be this one.
    """

    attempt: int
    reason: str
    is_for_room: bool = False


Effect = Grant | Reject | Report | StartLoad | EndRequests | StopAttempt
