"""What happens to an entry (`Happening`) and what must then be done (`Effect`). Frozen values; nothing here decides.

`ticket` names one caller's wait for a place or for an answer; `attempt` names one load and the worker it leads to, so
that news about a worker that was given up can be told from news about the present one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from lsrv.errors import AbortedError, ErrorInfo
from lsrv.registry.loading.failure import Failure

_UNLOADED = AbortedError("the model was unloaded by its operator").info()

UnloadCause = Literal["asked", "idle", "evicted", "abandoned", "changed", "removed"]
UNLOAD_CAUSES: tuple[UnloadCause, ...] = ("asked", "idle", "evicted", "abandoned", "changed", "removed")


class EntryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about one entry's patience. Seconds; math.inf is never."""

    max_concurrency: int = 0  # requests in the worker at once; 0: as many as it has slots
    queue: int = 64  # requests that may wait beyond those
    keep_alive_s: float = 600.0
    drain_timeout_s: float = 30.0
    least_keep_alive_s: float = 0.0  # what a request may ask for: no client unloads a pinned model


class UnloadReason(NamedTuple):
    """Why a model leaves: for metrics, and for people."""

    cause: UnloadCause
    text: str


ASKED = UnloadReason("asked", "its operator asked for it")
ABANDONED = UnloadReason("abandoned", "nobody waited for it any more")
CHANGED = UnloadReason("changed", "its settings changed")
REMOVED = UnloadReason("removed", "it was removed from the settings")


# -- happenings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request wants a place. `keep_alive_s`: once it has one, that counts instead of the settings' idle time.

    `is_copy`: only to be measured; it counts neither as use of the model nor as a place.
    """

    ticket: int
    keep_alive_s: float | None = None
    is_copy: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """A request gave its place back, or stopped waiting for one."""

    ticket: int


@dataclass(frozen=True, slots=True)
class LoadAsked:
    ticket: int


@dataclass(frozen=True, slots=True)
class UnloadAsked:
    """`is_forced`: everything that runs or waits ends with `error` at once."""

    ticket: int
    is_forced: bool = False
    error: ErrorInfo = _UNLOADED


@dataclass(frozen=True, slots=True)
class Evicted:
    """Others need the memory: stop, if nothing runs. `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class RoomMade:
    """Another model has left memory, or the settings allow more: a refusal for want of memory is out of date."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whether new requests wait although there are places: others wait for this memory, and had to wait long enough."""

    is_held: bool


@dataclass(frozen=True, slots=True)
class EnableAsked:
    """Switch the entry on or off; off drains and unloads it first."""

    ticket: int
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Configured:
    """The entry has new settings. `needs_load`: its worker drains, and a load with the new ones takes its place."""

    limits: EntryLimits
    needs_load: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """The entry is in the settings no longer: whoever came before is served, within drain_timeout, and nobody else."""


@dataclass(frozen=True, slots=True)
class LoadDone:
    attempt: int
    n_slots: int


@dataclass(frozen=True, slots=True)
class LoadLost:
    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Died:
    """The worker of a loaded model is gone, and nobody asked it to go."""

    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Stopped:
    """The worker that `StopAttempt` named has left the machine."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """A deadline of the entry has passed."""


Happening = (
    Arrived
    | Left
    | LoadAsked
    | UnloadAsked
    | Evicted
    | RoomMade
    | Held
    | EnableAsked
    | Configured
    | Removed
    | LoadDone
    | LoadLost
    | Died
    | Stopped
    | Ticked
)

# -- effects ---------------------------------------------------------------------------------------


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
