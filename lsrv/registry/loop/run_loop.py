"""The one task that changes states of entries. What happens is posted to it; who asked waits under a ticket.

Each happening goes to the state of its entry, and the effects that come back are performed. Loads and stops are tasks
that post their outcome.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable

from lsrv.config import Settings, SettingsChange
from lsrv.errors import LsrvError, from_info
from lsrv.registry.entries import refusals
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import (
    Arrived,
    Died,
    Effect,
    EnableAsked,
    Grant,
    Happening,
    Left,
    LoadAsked,
    LoadLost,
    Reject,
    Report,
    RoomMade,
    Stopped,
    Ticked,
    UnloadAsked,
)
from lsrv.registry.entries.view import EntryView
from lsrv.registry.entries.watchers import Watcher
from lsrv.registry.loading.loader import Admission, LoadedWorker, Loader
from lsrv.registry.loop.promises import MemoryPromises
from lsrv.registry.loop.roster import Roster
from lsrv.registry.loop.tickets import Settlement, Tickets
from lsrv.registry.loop.timers import Timers
from lsrv.registry.memory.budget import only_bytes

_log = logging.getLogger(__name__)


class RunLoop:
    """Owns the entries, their memory and who waits for them. `start` it in the event loop it shall live in.

    `take` is told of new settings just before they hold here, `on_rest` that something has happened and was dealt with.
    """

    def __init__(
        self,
        settings: Settings,
        loader: Loader,
        on_event: Watcher,
        take: Callable[[SettingsChange], None],
        on_rest: Callable[[], None],
    ) -> None:
        self.roster = Roster(
            settings,
            lambda model, drain_timeout_s: Entry(model, drain_timeout_s, loader, self._post, on_event, self._admission),
        )
        self.rooms = MemoryPromises(self.roster.by_id, settings.server, self._tell)
        self.created = int(time.time())
        self._take = take
        self._on_rest = on_rest
        self._inbox: asyncio.Queue[tuple[Entry, Happening] | tuple[SettingsChange, int]] = asyncio.Queue()
        self._tickets = Tickets()
        self._timers = Timers(lambda entry: self._post(entry, Ticked()))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> bool:
        """Begin, and with it preloads; whether there are any."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._on_end)
        return self._preload()

    async def close(self) -> None:
        """End it, whatever waits."""
        self._timers.close()
        self.rooms.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def is_running(self) -> bool:
        """Whether it answers: it was started and has not ended."""
        return self._task is not None and not self._task.done()

    @property
    def has_news(self) -> bool:
        """Whether something has happened that was not dealt with."""
        return not self._inbox.empty()

    @property
    def has_waiters(self) -> bool:
        """Whether anybody waits for an answer."""
        return bool(self._tickets)

    def view(self, entry: Entry) -> EntryView:
        """An entry now."""
        return entry.view(self.created, only_bytes(self.rooms.promised(entry) or {}))

    # -- what is asked of it -----------------------------------------------------------------------

    def ticket(self) -> int:
        """A new number to ask under."""
        return self._tickets.number()

    async def enter(self, entry: Entry, arrived: Arrived) -> LoadedWorker:
        """Wait for a place. `leave` must follow, whatever becomes of the wait. Raises why there is none."""
        loaded = await self._wait(arrived.ticket, lambda: self._post(entry, arrived))
        assert isinstance(loaded, LoadedWorker)
        return loaded

    def leave(self, entry: Entry, ticket: int) -> None:
        """Give a place back, or the wait for one up."""
        self._post(entry, Left(ticket))

    async def order(self, entry: Entry, order: LoadAsked | UnloadAsked | EnableAsked) -> EntryView:
        """The entry as the order left it: who waits for its memory may have it before the operator is told."""
        view = await self._wait(order.ticket, lambda: self._post(entry, order))
        assert isinstance(view, EntryView)
        return view

    async def configure(self, change: SettingsChange) -> None:
        """Go by new settings; returns once they hold for whatever is asked next."""
        ticket = self.ticket()
        await self._wait(ticket, lambda: self._inbox.put_nowait((change, ticket)))

    async def _wait(self, ticket: int, ask: Callable[[], None]) -> Settlement:
        """Ask, and wait for the Grant, the Answer or the Reject of that ticket."""
        if not self.is_running:
            raise from_info(refusals.draining())
        try:
            return await self._tickets.wait(ticket, ask)
        finally:
            self._on_rest()

    def _post(self, entry: Entry, happening: Happening) -> None:
        self._inbox.put_nowait((entry, happening))

    # -- what it does ------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            match await self._inbox.get():
                case Entry() as entry, happening:
                    self._tell(entry, happening)
                case change, ticket:
                    self._change(change)
                    self._tickets.settle(ticket, None)
            self.rooms.settle()
            self._on_rest()

    def _tell(self, entry: Entry, happening: Happening) -> None:
        has_left = isinstance(happening, LoadLost | Died | Stopped) and self.rooms.promised(entry) is not None
        if has_left:
            self.rooms.forget(entry)
        for effect in entry.handle(happening, asyncio.get_running_loop().time()):
            self._perform(entry, effect)
        self._timers.set(entry)
        if entry.state.is_gone:
            self._timers.cancel(entry)
            self.roster.forget(entry)
        if has_left:
            self._tell_of_room()

    def _tell_of_room(self) -> None:
        for entry in list(self.roster):
            self._tell(entry, RoomMade())

    def _perform(self, entry: Entry, effect: Effect) -> None:
        match effect:
            case Grant(ticket):
                self._tickets.settle(ticket, entry.loaded)
            case Report(ticket):
                self._tickets.settle(ticket, self.view(entry))
            case Reject(ticket, error):
                self._tickets.reject(ticket, from_info(error))
            case _:
                entry.perform(effect)

    def _change(self, change: SettingsChange) -> None:
        self._take(change)
        self.rooms.configure(change.settings.server)
        for entry, happening in self.roster.configure(change):
            self._tell(entry, happening)
        for entry in self.roster.served():
            if entry.settings.model_id in change.switched:
                self._tell(entry, EnableAsked(self.ticket(), entry.settings.enabled))
        self.rooms.trim()
        self._tell_of_room()
        self._preload()

    def _preload(self) -> bool:
        """Have every entry loaded that asks for it and never was; whether there are any."""
        served = [entry for entry in self.roster.served() if entry.state.is_enabled]
        preloads = [entry for entry in served if entry.settings.preload and not entry.n_loads]
        for entry in preloads:
            self._post(entry, LoadAsked(self.ticket()))
        return bool(preloads)

    def _admission(self, entry: Entry) -> Admission:
        return Admission(self.rooms.bounds, functools.partial(self.rooms.reserve, entry))

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """It ends by `close`. Should a bug end it, everybody who waits learns so."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.critical("the registry's run loop failed", exc_info=error)
        self._tickets.reject_all(LsrvError("the registry has stopped; restart the server"))
