"""Entries of this machine as endpoints: whatever is asked of one goes to the run loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator

from lsrv.config import ModelSettings
from lsrv.errors import ErrorInfo
from lsrv.model_id import ModelId
from lsrv.registry.endpoints.waiting import Standing, Turn
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import Arrived, EnableAsked, LoadAsked, UnloadAsked
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.view import EntryView, status
from lsrv.registry.loading.loader import LoadedWorker
from lsrv.registry.loop.inbox import Inbox
from lsrv.registry.loop.memory_promises import MemoryPromises
from lsrv.registry.loop.roster import Roster
from lsrv.registry.loop.worker_lease import WorkerLease
from lsrv.registry.offered_adapters import OfferedAdapter

_SETTLED = (Phase.UNLOADED, Phase.LOADED, Phase.ERROR)


class WorkerEndpoint:
    """An entry that a worker serves, which is loaded first if it has to be."""

    takes_openai_bodies = False
    sends_away = False

    def __init__(self, entry: Entry, inbox: Inbox, promises: MemoryPromises) -> None:
        self._entry = entry
        self._inbox = inbox
        self._promises = promises

    @property
    def settings(self) -> ModelSettings:
        return self._entry.settings

    @property
    def is_idle(self) -> bool:
        return self._entry.state.is_idle

    @property
    def is_settled(self) -> bool:
        return self._entry.state.phase in _SETTLED

    @property
    def adapters(self) -> tuple[OfferedAdapter, ...]:
        return tuple(self._entry.adapters)

    def entry(self) -> Entry:
        return self._entry

    def view(self) -> EntryView:
        return self._entry.view(self._promises.planned_bytes(self._entry))

    def standing(self, turn: Turn) -> Standing:
        entry, state = self._entry, self._entry.state
        waiting = list(state.waiting)
        return Standing(
            listed_id=entry.settings.listed_id,
            status=status(state),
            place=waiting.index(turn.ticket) + 1 if turn.ticket in state.waiting else None,
            n_waiting=len(waiting),
            has_begun=turn.ticket in state.running,
            n_places=state.n_places,
            is_held=state.is_held,
            progress=entry.progress,
            holders=self._promises.holders(entry),
        )

    @contextlib.asynccontextmanager
    async def acquire(self, turn: Turn) -> AsyncGenerator[WorkerLease]:
        """Raises ModelDisabledError, QueueFullError, DrainingError, or why the load failed."""
        self._inbox.refuse_if_draining()
        entry, inbox = self._entry, self._inbox
        tickets = turn.tickets  # one, and one more for every worker that died under this lease

        async def enter() -> LoadedWorker:
            tickets.append(ticket := inbox.ticket())
            return await inbox.enter(entry, Arrived(ticket, turn.keep_alive_s, turn.is_copy, turn.priority))

        try:
            loaded = await enter()
            lease = WorkerLease(entry.settings, loaded, enter)  # not before: they may change while it waits
            try:
                yield lease
            finally:
                lease.close()
        finally:
            for ticket in tickets:
                inbox.leave(entry, ticket)

    async def load(self) -> EntryView:
        return await self._inbox.order(self._entry, LoadAsked(self._inbox.ticket()))

    async def unload(self, *, force: bool) -> EntryView:
        return await self._inbox.order(self._entry, UnloadAsked(self._inbox.ticket(), force))

    async def set_enabled(self, is_enabled: bool) -> EntryView:
        return await self._inbox.order(self._entry, EnableAsked(self._inbox.ticket(), is_enabled))

    async def end_all(self, error: ErrorInfo) -> None:
        await self._inbox.order(self._entry, UnloadAsked(self._inbox.ticket(), True, error))


class WorkerEndpoints:
    """Endpoints of all entries in the roster."""

    def __init__(self, roster: Roster, inbox: Inbox, promises: MemoryPromises) -> None:
        self._roster = roster
        self._inbox = inbox
        self._promises = promises

    def __iter__(self) -> Iterator[WorkerEndpoint]:
        return (self._endpoint(entry) for entry in self._roster)

    def get(self, model_id: ModelId) -> WorkerEndpoint | None:
        entry = self._roster.by_id.get(model_id)
        return None if entry is None else self._endpoint(entry)

    def leaving(self) -> list[WorkerEndpoint]:
        """Endpoints of entries that were removed from the settings and have not gone yet."""
        return [self._endpoint(entry) for entry in self._roster.leaving()]

    async def close(self) -> None:
        await asyncio.gather(*(entry.close() for entry in self._roster))

    def _endpoint(self, entry: Entry) -> WorkerEndpoint:
        return WorkerEndpoint(entry, self._inbox, self._promises)
