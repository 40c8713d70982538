"""The registry: which models there are, in what state, and who may use them. One task owns all of that state.

Callers post what happens (`Happening`) and await a future under a ticket; the run loop hands each happening to the
state of its entry and performs the effects that come back. Loads and stops are tasks that post their outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from lsrv.config import ModelSettings, Settings, SettingsChange
from lsrv.errors import LsrvError, ModelNotFoundError, from_info
from lsrv.frontdoor.building import BuildProgress
from lsrv.registry import refusals
from lsrv.registry.budget import only_bytes
from lsrv.registry.builds import Builds, Prepare
from lsrv.registry.entry import Entry
from lsrv.registry.hot_adapters import HotAdapters
from lsrv.registry.identity import Identities
from lsrv.registry.lease import Lease, WorkerLease
from lsrv.registry.loader import Admission, LoadedModel, Loader
from lsrv.registry.names import Target
from lsrv.registry.planner import Planner
from lsrv.registry.plans import Plans
from lsrv.registry.queues import Queues, Turn
from lsrv.registry.rooms import Rooms
from lsrv.registry.roster import Roster
from lsrv.registry.routing import Routing
from lsrv.registry.spares import Spares
from lsrv.registry.tickets import Settlement, Tickets
from lsrv.registry.timers import Timers
from lsrv.registry.upstream.upstreams import Upstreams
from lsrv.registry.view import EntryView, MemoryView, WorkerLog
from lsrv.registry.watchdog import Deadlines
from lsrv.registry.watchers import Watcher, Watchers
from lsrv.registry.weights import Preparer, pulled_model
from lsrv.registry.words import (
    Answer,
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
    Stopped,
    Ticked,
    UnloadAsked,
)
from lsrv.registry.worker_process import WORKER_COMMAND, WorkerProcess

_log = logging.getLogger(__name__)


class Registry:
    """Entries by name. `start` it in the event loop it shall live in, and `close` it there.

    `on_event` is called in that loop and must not block. `prepare` finds, fetches or makes weights, in threads.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_event: Watcher = lambda event: None,
        prepare: Prepare | None = None,
        worker_command: Sequence[str] = WORKER_COMMAND,
        deadlines: Deadlines | None = None,
        verdicts_path: Path | None = None,
    ) -> None:
        spawn = functools.partial(WorkerProcess.spawn, worker_command, deadlines or Deadlines())
        self._settings = settings
        self._spares = Spares(settings.server.spare_workers, spawn)
        self.planner = Planner(self._spares, verdicts_path)
        self._preparer = Preparer(settings, self.planner, lambda: self._rooms.taken())
        self._builds = Builds(prepare or self._preparer)
        loader = Loader(self._spares, self.planner, self._builds, settings.server.cache_disk_bytes, verdicts_path)
        self._watchers = Watchers(on_event)
        self._roster = Roster(
            settings,
            lambda model, drain_timeout_s: Entry(
                model, drain_timeout_s, loader, self._post, self._watchers.tell, self._admission
            ),
        )
        self._upstreams = Upstreams(settings, self._note_idle, self._watchers.tell)
        self._rooms = Rooms(self._roster.by_id, settings.server, self._tell)
        self.adapters = HotAdapters(self._entry, self._acquire_worker)
        self.identities = Identities(settings, self._roster.by_id)
        self.routing = Routing(settings, self.target, self.views, lambda: self._roster.default_route)
        self.queues = Queues(self._entry, self._rooms)
        self.plans = Plans(self.planner, loader, self._rooms, self._entry, lambda: self._settings)
        self._inbox: asyncio.Queue[tuple[Entry, Happening] | tuple[SettingsChange, int]] = asyncio.Queue()
        self._tickets = Tickets()
        self._timers = Timers(lambda entry: self._post(entry, Ticked()))
        self._run_task: asyncio.Task[None] | None = None
        self._is_draining = False
        self._idle = asyncio.Event()
        self._created = int(time.time())

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the run loop, spare workers and preloads; they go on in the background."""
        self._preparer.loop = asyncio.get_running_loop()
        self._run_task = asyncio.create_task(self._run())
        self._run_task.add_done_callback(self._on_run_end)
        if not self._preload():
            self._spares.fill()

    def _preload(self) -> bool:
        """Have every entry loaded that asks for it and never was; whether there are any."""
        preloads = [entry for entry in self._roster.served() if entry.settings.preload and not entry.n_loads]
        for entry in preloads:
            self._post(entry, LoadAsked(self._tickets.number()))
        return bool(preloads)

    async def drain(self, timeout_s: float) -> None:
        """Refuse new requests, let those accepted finish, and after `timeout_s` end what is left with DrainingError."""
        self._is_draining = True
        self._note_idle()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            await self._end_all()

    async def close(self) -> None:
        """End every request and stop every worker. Nothing of the registry is left running. Idempotent."""
        self._is_draining = True
        if self._run_task is None:
            return
        if not self._run_task.done():
            await self._end_all()
        await self._builds.close()
        await asyncio.gather(self._spares.close(), self._upstreams.close(), *(each.close() for each in self._roster))
        self._timers.close()
        self._rooms.close()
        self._run_task.cancel()
        await asyncio.wait({self._run_task})

    # -- names and views ---------------------------------------------------------------------------

    @property
    def default_model_id(self) -> str | None:
        """The canonical id of the entry that answers requests which name none."""
        return self._roster.default_model_id

    def resolve(self, model: str | None) -> str:
        """The canonical model_id; None, "" and "default" mean the default. Raises ModelNotFoundError."""
        return self._roster.target(model).model_id

    def target(self, model: str | None) -> Target:
        """The same with the adapter that is named with it ("base:adapter"). Raises ModelNotFoundError."""
        return self._roster.target(model)

    def listed_id(self, model: str | None) -> str:
        """The name in listings. Raises ModelNotFoundError."""
        return self._roster.listed_id(model)

    def views(self) -> list[EntryView]:
        """Every entry, in config order. Loads and wakes nothing."""
        return [self.view(model.model_id) for model in self._settings.models]

    def view(self, model: str | None) -> EntryView:
        """One entry. Raises ModelNotFoundError."""
        model_id = self.resolve(model)
        upstream = self._upstreams.get(model_id)
        return upstream.view(self._created) if upstream is not None else self._view(self._roster.by_id[model_id])

    def is_upstream(self, model: str | None) -> bool:
        """Whether a remote server answers for an entry. Raises ModelNotFoundError."""
        return self._upstreams.get(self.resolve(model)) is not None

    def leaving(self) -> list[EntryView]:
        """Entries that were removed from the settings and have not gone yet."""
        return [self._view(entry) for entry in self._roster if entry.state.is_removed]

    def memory(self) -> MemoryView:
        """Budget and promises of all models together."""
        return self._rooms.memory(len(self._spares))

    def logs(self, model: str | None) -> tuple[WorkerLog | None, WorkerLog | None]:
        """The last lines of the present worker, and of the one before. Raises like `unload`."""
        entry = self._entry(model)
        return entry.log(), entry.last_log

    def _view(self, entry: Entry) -> EntryView:
        return entry.view(self._created, only_bytes(self._rooms.promised(entry) or {}))

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called with every event from now on, in the event loop; it must not block."""
        self._watchers.add(watcher)

    def settings_of(self, model: str | None) -> ModelSettings:
        """What an entry is configured to be now. Raises ModelNotFoundError."""
        model_id = self.resolve(model)
        return (self._upstreams.get(model_id) or self._roster.by_id[model_id]).settings

    # -- requests ----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def acquire(self, model: str | None, turn: Turn | None = None) -> AsyncGenerator[Lease]:
        """A place at what serves `model`: a worker, which is loaded first if it has to be, or another server.

        Waits in order of arrival; `queues` tells of the wait by `turn`. Raises ModelNotFoundError, ModelDisabledError,
        QueueFullError, DrainingError, why the load failed, or an UpstreamError.
        """
        self._refuse_if_draining()
        upstream = self._upstreams.get(self.resolve(model))
        async with upstream.acquire() if upstream is not None else self._acquire_worker(model, turn) as lease:
            yield lease

    @contextlib.asynccontextmanager
    async def _acquire_worker(self, model: str | None, turn: Turn | None = None) -> AsyncGenerator[WorkerLease]:
        entry = self._entry(model)
        self._refuse_if_draining()
        turn = turn or Turn()
        tickets = turn.tickets  # one, and one more for every worker that died under this lease

        async def enter() -> LoadedModel:
            tickets.append(ticket := self._tickets.number())
            loaded = await self._wait(ticket, lambda: self._post(entry, Arrived(ticket, turn.keep_alive_s)))
            assert isinstance(loaded, LoadedModel)
            return loaded

        try:
            loaded = await enter()
            lease = WorkerLease(entry.settings, loaded, enter)  # not before: they may change while it waits
            try:
                yield lease
            finally:
                lease.close()
        finally:
            for ticket in tickets:
                self._post(entry, Left(ticket))

    # -- settings ----------------------------------------------------------------------------------

    async def configure(self, change: SettingsChange) -> None:
        """Go by new settings; returns once they hold for whatever is asked next. What has to unload or load goes on."""
        self._refuse_if_draining()
        ticket = self._tickets.number()
        await self._wait(ticket, lambda: self._inbox.put_nowait((change, ticket)))

    def choose_default(self, model: str) -> str:
        """Make `model` answer requests that name none, for this run; its canonical id. Raises ModelNotFoundError."""
        return self._roster.choose_default(model)

    def _take(self, change: SettingsChange) -> None:
        self._settings = self._preparer.settings = self.identities.settings = change.settings
        self._rooms.configure(change.settings.server)
        self._upstreams.configure(change.settings)
        self.routing.configure(change.settings)
        for entry, happening in self._roster.configure(change):
            self._tell(entry, happening)
        self._preload()

    # -- operators ---------------------------------------------------------------------------------

    async def load(self, model: str | None) -> EntryView:
        """Load, and wait for the end of it, good or bad. A loaded model stays as it is; past failures are forgotten."""
        self._refuse_if_draining()
        if (upstream := self._upstreams.get(self.resolve(model))) is not None:
            upstream.forgive()
            return self.view(model)
        entry = self._entry(model)
        return await self._order(entry, LoadAsked(self._tickets.number()))

    def pull(self, name: str) -> AsyncGenerator[BuildProgress]:
        """Get the weights of an entry, or of any "OWNER/NAME:QUANT" on the Hub; the steps as they come.

        Raises BuildError or ConfigError while it is read.
        """
        try:
            model = self._entry(name).settings
        except ModelNotFoundError:
            model = pulled_model(name)
        return self._builds.follow(model)

    async def reload(self, model: str | None) -> EntryView:
        """The same as `load`: reloading what is loaded changes nothing."""
        return await self.load(model)

    async def unload(self, model: str | None, *, force: bool = False) -> EntryView:
        """Unload once running requests have ended, or at once with AbortedError for all of them (`force`)."""
        entry = self._entry(model)
        return await self._order(entry, UnloadAsked(self._tickets.number(), force))

    async def enable(self, model: str | None) -> EntryView:
        """Let a disabled entry serve again."""
        return await self._switch(model, is_enabled=True)

    async def disable(self, model: str | None) -> EntryView:
        """Refuse requests for this entry from now on, and unload it once running ones have ended."""
        return await self._switch(model, is_enabled=False)

    async def _switch(self, model: str | None, *, is_enabled: bool) -> EntryView:
        if (upstream := self._upstreams.get(self.resolve(model))) is not None:
            upstream.set_enabled(is_enabled)
            return self.view(model)
        entry = self._entry(model)
        return await self._order(entry, EnableAsked(self._tickets.number(), is_enabled))

    async def _end_all(self) -> None:
        error = refusals.draining()
        self._upstreams.end_all(error)
        unloads = (self._order(entry, UnloadAsked(self._tickets.number(), True, error)) for entry in self._roster)
        await asyncio.gather(*unloads)

    # -- the run loop ------------------------------------------------------------------------------

    def _entry(self, model: str | None) -> Entry:
        """An entry of this machine. Raises ModelNotFoundError, and NothingToLoadError for an upstream."""
        model_id = self.resolve(model)
        self._upstreams.refuse(model_id)
        return self._roster.by_id[model_id]

    def _refuse_if_draining(self) -> None:
        if self._is_draining:
            raise from_info(refusals.draining())

    def _post(self, entry: Entry, happening: Happening) -> None:
        self._inbox.put_nowait((entry, happening))

    async def _order(self, entry: Entry, order: LoadAsked | UnloadAsked | EnableAsked) -> EntryView:
        """The entry as the order left it: who waits for its memory may have it before the operator is told."""
        view = await self._wait(order.ticket, lambda: self._post(entry, order))
        assert isinstance(view, EntryView)
        return view

    async def _wait(self, ticket: int, ask: Callable[[], None]) -> Settlement:
        """Ask, and wait for the Grant, the Answer or the Reject of that ticket."""
        if self._run_task is None or self._run_task.done():
            raise from_info(refusals.draining())
        try:
            return await self._tickets.wait(ticket, ask)
        finally:
            self._note_idle()

    async def _run(self) -> None:
        while True:
            match await self._inbox.get():
                case Entry() as entry, happening:
                    self._tell(entry, happening)
                case change, ticket:
                    self._take(change)
                    self._tickets.settle(ticket, None)
            self._rooms.settle()
            self._note_idle()

    def _tell(self, entry: Entry, happening: Happening) -> None:
        if isinstance(happening, LoadLost | Died | Stopped):
            self._rooms.forget(entry)
        for effect in entry.handle(happening, asyncio.get_running_loop().time()):
            self._perform(entry, effect)
        self._timers.set(entry)
        if entry.state.is_gone:
            self._timers.cancel(entry)
            self._roster.forget(entry)

    def _admission(self, entry: Entry) -> Admission:
        return Admission(self._rooms.bounds, functools.partial(self._rooms.reserve, entry))

    def _perform(self, entry: Entry, effect: Effect) -> None:
        match effect:
            case Grant(ticket):
                self._tickets.settle(ticket, entry.loaded)
            case Answer(ticket):
                self._tickets.settle(ticket, self._view(entry))
            case Reject(ticket, error):
                self._tickets.reject(ticket, from_info(error))
            case _:
                entry.perform(effect)

    def _note_idle(self) -> None:
        """End a drain once nothing waits and nothing runs."""
        if not self._is_draining or self._tickets:
            return
        is_idle = self._inbox.empty() and all(entry.state.is_idle for entry in self._roster)
        if is_idle and self._upstreams.are_idle:
            self._idle.set()

    def _on_run_end(self, task: asyncio.Task[None]) -> None:
        """The run loop ends by `close`. Should a bug end it, everybody who waits learns so."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.critical("the registry's run loop failed", exc_info=error)
        self._tickets.reject_all(LsrvError("the registry has stopped; restart the server"))
