"""The one task that changes states of entries, in the order in which `inbox` has what happened.

Each happening goes to the state of its entry, and the effects that come back are performed. Loads and stops are tasks
that post their outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from lsrv.config import SettingsChange
from lsrv.errors import LsrvError, from_info
from lsrv.registry.entries.effects import Effect, Grant, Reject, Report
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import Died, EnableAsked, Happening, LoadLost, PreloadAsked, RoomMade, Stopped
from lsrv.registry.loop.inbox import Happened, Inbox, NewSettings
from lsrv.registry.loop.memory_promises import MemoryPromises
from lsrv.registry.loop.roster import Roster
from lsrv.registry.loop.timers import Timers

_log = logging.getLogger(__name__)


class RunLoop:
    """Owns the entries, their memory and who waits for them. `start` it in the event loop it shall live in.

    `take` is told of new settings just before they hold here, `on_rest` that something has happened and was dealt with.
    """

    def __init__(
        self,
        inbox: Inbox,
        roster: Roster,
        promises: MemoryPromises,
        take: Callable[[SettingsChange], None],
        on_rest: Callable[[], None],
    ) -> None:
        self._inbox = inbox
        self._roster = roster
        self._promises = promises
        self._take = take
        self._on_rest = on_rest
        self._timers = Timers(inbox.post)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> bool:
        """Begin, and with it preloads; whether there are any."""
        self._inbox.open()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._on_end)
        return self._preload()

    async def close(self) -> None:
        """End the loop, whatever waits."""
        self._timers.close()
        self._promises.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def is_running(self) -> bool:
        """Whether it answers: it was started and has not ended."""
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        while True:
            match await self._inbox.next():
                case Happened(entry, happening):
                    self._tell(entry, happening)
                case NewSettings(change, ticket):
                    self._change(change)
                    self._inbox.tickets.settle(ticket, None)
                case None:
                    pass
            self._promises.settle(self._tell)
            self._on_rest()

    def _tell(self, entry: Entry, happening: Happening) -> None:
        has_left = isinstance(happening, LoadLost | Died | Stopped) and self._promises.promised(entry) is not None
        if has_left:
            self._promises.forget(entry)
        for effect in entry.handle(happening, asyncio.get_running_loop().time()):
            self._perform(entry, effect)
        self._timers.set(entry)
        if entry.state.is_gone:
            self._timers.cancel(entry)
            self._roster.forget(entry)
        if has_left:
            self._tell_of_room()

    def _tell_of_room(self) -> None:
        for entry in list(self._roster):
            self._tell(entry, RoomMade())

    def _perform(self, entry: Entry, effect: Effect) -> None:
        tickets = self._inbox.tickets
        match effect:
            case Grant(ticket):
                tickets.settle(ticket, entry.loaded)
            case Report(ticket):
                tickets.settle(ticket, entry.view(self._promises.planned_bytes(entry)))
            case Reject(ticket, error):
                tickets.reject(ticket, from_info(error))
            case _:
                entry.perform(effect)

    def _change(self, change: SettingsChange) -> None:
        self._take(change)
        self._promises.configure(change.settings.server)
        for entry, happening in self._roster.configure(change):
            self._tell(entry, happening)
        for entry in self._roster.served():
            if entry.settings.model_id in change.switched:
                self._tell(entry, EnableAsked(self._inbox.ticket(), entry.settings.enabled))
        self._promises.trim(self._tell)
        self._tell_of_room()
        self._preload()

    def _preload(self) -> bool:
        """Have every entry loaded that asks for it and never was; whether there are any."""
        served = [entry for entry in self._roster.served() if entry.state.is_enabled]
        preloads = [entry for entry in served if entry.settings.preload and not entry.n_loads]
        for entry in preloads:
            self._inbox.post(entry, PreloadAsked())
        return bool(preloads)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Tell everybody who waits, should a bug have ended the loop instead of `close`."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.critical("the registry's run loop failed", exc_info=error)
        self._inbox.close(LsrvError("the registry has stopped; restart the server"))
