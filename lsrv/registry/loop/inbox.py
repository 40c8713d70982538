"""What is asked of the run loop: happenings are posted here, and who asked waits under a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from lsrv.config import SettingsChange
from lsrv.errors import LsrvError, from_info
from lsrv.registry.entries import refusals
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import Arrived, EnableAsked, Happening, Left, LoadAsked, UnloadAsked
from lsrv.registry.entries.view import EntryView
from lsrv.registry.loading.loader import LoadedWorker
from lsrv.registry.loop.tickets import Settlement, Tickets

EntryOrder = LoadAsked | UnloadAsked | EnableAsked


class Happened(NamedTuple):
    """Something happened to an entry."""

    entry: Entry
    happening: Happening


class NewSettings(NamedTuple):
    """Settings to go by, and who waits until they hold."""

    change: SettingsChange
    ticket: int


Posted = Happened | NewSettings | None  # None: memory has to be decided anew


class Inbox:
    """Belongs to the event loop. `on_rest` is called when somebody has ended their wait."""

    def __init__(self, on_rest: Callable[[], None]) -> None:
        self._on_rest = on_rest
        self._posted: asyncio.Queue[Posted] = asyncio.Queue()
        self._is_open = False
        self._is_draining = False
        self.tickets = Tickets()

    @property
    def has_news(self) -> bool:
        """Whether something was posted that is not dealt with."""
        return not self._posted.empty()

    @property
    def has_waiters(self) -> bool:
        """Whether anybody waits for an answer."""
        return bool(self.tickets)

    # -- who asks ----------------------------------------------------------------------------------

    def ticket(self) -> int:
        """A new number to ask under."""
        return self.tickets.number()

    async def enter(self, entry: Entry, arrived: Arrived) -> LoadedWorker:
        """Wait for a place. `leave` must follow, whatever becomes of the wait. Raises why there is none."""
        loaded = await self._wait(arrived.ticket, lambda: self.post(entry, arrived))
        assert isinstance(loaded, LoadedWorker)
        return loaded

    def leave(self, entry: Entry, ticket: int) -> None:
        """Give a place back, or the wait for one up."""
        self.post(entry, Left(ticket))

    async def order(self, entry: Entry, order: EntryOrder) -> EntryView:
        """The entry as the order left it: who waits for its memory may have it before the operator is told."""
        view = await self._wait(order.ticket, lambda: self.post(entry, order))
        assert isinstance(view, EntryView)
        return view

    async def configure(self, change: SettingsChange) -> None:
        """Go by new settings; returns once they hold for whatever is asked next."""
        ticket = self.ticket()
        await self._wait(ticket, lambda: self._posted.put_nowait(NewSettings(change, ticket)))

    def post(self, entry: Entry, happening: Happening) -> None:
        """Something has happened to `entry`."""
        self._posted.put_nowait(Happened(entry, happening))

    def nudge(self) -> None:
        """Memory has to be decided anew."""
        self._posted.put_nowait(None)

    def drain(self) -> None:
        """Take no more requests, orders to load and settings."""
        self._is_draining = True

    def refuse_if_draining(self) -> None:
        """Raises DrainingError once `drain` was called."""
        if self._is_draining:
            raise from_info(refusals.draining())

    async def _wait(self, ticket: int, ask: Callable[[], None]) -> Settlement:
        """Ask, and wait for the Grant, the Answer or the Reject of that ticket."""
        if not self._is_open:
            raise from_info(refusals.draining())
        try:
            return await self.tickets.wait(ticket, ask)
        finally:
            self._on_rest()

    # -- who answers -------------------------------------------------------------------------------

    def open(self) -> None:
        """Somebody deals with what is posted."""
        self._is_open = True

    async def next(self) -> Posted:
        """What was posted first."""
        return await self._posted.get()

    def close(self, error: LsrvError) -> None:
        """Nobody does any more: who waits learns so by `error`."""
        self._is_open = False
        self.tickets.reject_all(error)
