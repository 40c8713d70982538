"""What a waiting request says and may know: whose turn it is, how far the load is, whose memory it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from lsrv.protocol.events import Progress
from lsrv.registry.entries.view import Status


@dataclass(slots=True)
class Turn:
    """A request's wait for a place. Made by who waits; the registry adds a number for each time it queues.

    `keep_alive_s`: how long its model shall stay when nobody uses it; None: as the settings say.
    """

    keep_alive_s: float | None = None
    priority: int = 0
    tickets: list[int] = field(default_factory=list[int])
    is_copy: bool = False  # of a request that was answered: nobody waits for it, and nobody may wait because of it

    @property
    def ticket(self) -> int:
        """The latest; 0 before the first."""
        return self.tickets[-1] if self.tickets else 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request stands now. `place`: counted from 1; None once it is its turn, and where another waits for it.

    `holders`: listed ids of models that hold the memory it waits for, empty while that is on its way; None: it does not
    wait for memory.
    """

    listed_id: str
    status: Status
    place: int | None
    n_waiting: int
    has_begun: bool
    n_places: int
    is_held: bool
    progress: Progress | None
    holders: tuple[str, ...] | None
