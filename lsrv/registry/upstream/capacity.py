"""The places of an upstream: so many requests at once, the others wait for their turn."""

from __future__ import annotations

import asyncio
import itertools

from lsrv.errors import LsrvError
from lsrv.registry.entries.queue import Waiting


class Places:
    """Belongs to the event loop."""

    def __init__(self, n_places: int) -> None:
        self._n_free = n_places
        self._numbers = itertools.count(1)
        self._waiting = Waiting()
        self._grants: dict[int, asyncio.Future[None]] = {}

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def are_taken(self) -> bool:
        """Whether who comes now has to wait."""
        return self._n_free == 0

    async def acquire(self, priority: int) -> None:
        """Take a place, which `release` gives back; waits for one. Raises what `refuse` was told."""
        if self._n_free:
            self._n_free -= 1
            return
        loop = asyncio.get_running_loop()
        ticket = next(self._numbers)
        self._waiting.add(ticket, loop.time(), priority)
        grant = self._grants[ticket] = loop.create_future()
        try:
            await grant
        except asyncio.CancelledError:
            came = grant.done() and not grant.cancelled()
            if came and grant.exception() is None:  # in the moment in which the request was given up
                self.release()
            raise
        finally:
            self._waiting.discard(ticket)
            del self._grants[ticket]

    def refuse(self, error: LsrvError) -> None:
        """Turn away everybody who waits; each raises `error`. Who has a place keeps it."""
        for ticket in self._waiting.take():
            grant = self._grants[ticket]
            if not grant.cancelled():  # given up, and about to say so
                grant.set_exception(error)

    def release(self) -> None:
        """Give a place to whose turn it is."""
        while self._waiting:
            (ticket,) = self._waiting.take(1)
            grant = self._grants[ticket]
            if not grant.cancelled():  # given up, and about to say so
                grant.set_result(None)
                return
        self._n_free += 1
