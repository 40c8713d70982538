"""Who waits for the run loop: a future under a number for every place, load or unload that somebody asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from lsrv.errors import LsrvError
from lsrv.registry.entries.view import EntryView
from lsrv.registry.loading.loader import LoadedWorker

Settlement = LoadedWorker | EntryView | None
"""Of a place, of an operator's order (the entry as the order left it), of new settings."""


class Tickets:
    """Whoever gave up waiting is forgotten: settling that ticket then does nothing."""

    def __init__(self) -> None:
        self._futures: dict[int, asyncio.Future[Settlement]] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._futures)

    def number(self) -> int:
        """One that was never given before."""
        return next(self._numbers)

    async def wait(self, ticket: int, ask: Callable[[], None]) -> Settlement:
        """Ask, and wait for what `settle` gives. Raises what `reject` gives."""
        future: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self._futures[ticket] = future
        ask()
        try:
            return await future
        finally:
            self._futures.pop(ticket, None)

    def settle(self, ticket: int, result: Settlement) -> None:
        future = self._futures.get(ticket)
        if future is not None and not future.done():
            future.set_result(result)

    def reject(self, ticket: int, error: LsrvError) -> None:
        future = self._futures.get(ticket)
        if future is not None and not future.done():
            future.set_exception(error)

    def reject_all(self, error: LsrvError) -> None:
        for ticket in self._futures:
            self.reject(ticket, error)
