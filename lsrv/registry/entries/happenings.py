"""What happens to an entry. Frozen values; nothing here decides.

`ticket` names one caller's wait for a place or for an answer; `attempt` names one load and the worker it leads to, so
that news about a worker that was given up can be told from news about the present one.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lsrv.errors import AbortedError, ErrorInfo
from lsrv.registry.loading.failure import Failure

_UNLOADED = AbortedError("the model was unloaded by its operator").info()


class EntryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about one entry's patience. Seconds; math.inf is never."""

    max_concurrency: int = 0  # requests in the worker at once; 0: as many as it has slots
    queue: int = 64  # requests that may wait beyond those
    keep_alive_s: float = 600.0
    drain_timeout_s: float = 30.0
    least_keep_alive_s: float = 0.0  # what a request may ask for: no client unloads a pinned model


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
class PreloadAsked:
    """The settings ask for a load: nobody waits for it, and nobody makes room for it."""


@dataclass(frozen=True, slots=True)
class NoRoom:
    """There is no memory for a preload beside what others hold. `reason` is for people."""

    reason: str


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


Demand = LoadAsked | PreloadAsked | UnloadAsked | EnableAsked | Configured | Removed
Happening = (
    Arrived
    | Left
    | LoadAsked
    | PreloadAsked
    | NoRoom
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
