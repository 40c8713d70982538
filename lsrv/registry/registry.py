"""The registry: which models there are, in what state, and who may use them. `RunLoop` owns the states."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from lsrv.config import ModelSettings, Settings, SettingsChange
from lsrv.errors import ModelNotFoundError, from_info
from lsrv.frontdoor.progress import BuildProgress
from lsrv.registry.entries import refusals
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import Arrived, EnableAsked, LoadAsked, UnloadAsked
from lsrv.registry.entries.view import EntryView, MemoryView, WorkerLog
from lsrv.registry.entries.watchers import Watcher, Watchers
from lsrv.registry.hot_adapters import HotAdapters
from lsrv.registry.identity import Identities
from lsrv.registry.idle import IdleWork
from lsrv.registry.lease import Lease, WorkerLease
from lsrv.registry.loading.builds import Builds, Prepare
from lsrv.registry.loading.loader import LoadedWorker, Loader
from lsrv.registry.loading.weights import Preparer, pulled_model
from lsrv.registry.loop.run_loop import RunLoop
from lsrv.registry.memory.planner import Planner
from lsrv.registry.names import Target
from lsrv.registry.plans import Plans
from lsrv.registry.routing import Routing
from lsrv.registry.standing import Standings, Turn
from lsrv.registry.upstream.upstreams import Upstreams
from lsrv.registry.workers.process import WORKER_COMMAND, WorkerProcess
from lsrv.registry.workers.spares import Spares
from lsrv.registry.workers.watchdog import Deadlines


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
        self._preparer = Preparer(settings, self.planner, lambda: self._run_loop.rooms.taken())
        self._builds = Builds(prepare or self._preparer)
        loader = Loader(self._spares, self.planner, self._builds, settings.server.cache_disk_bytes, verdicts_path)
        self._watchers = Watchers(on_event)
        self._run_loop = RunLoop(settings, loader, self._watchers.tell, self._take, self._note_idle)
        self._roster, self._rooms = self._run_loop.roster, self._run_loop.rooms
        self._upstreams = Upstreams(settings, self._note_idle, self._watchers.tell)
        self.adapters = HotAdapters(self._entry, lambda model: self._acquire_worker(model, Turn()))
        self.identities = Identities(settings, self._roster.by_id)
        self.routing = Routing(settings, self.target, self.views, lambda: self._roster.default_route)
        self.queues = Standings(self._entry, self._rooms)
        self.plans = Plans(self.planner, loader, self._rooms, self._entry, lambda: self._settings)
        self.calm = IdleWork(self._roster, self._upstreams, lambda: self._run_loop.has_news)
        self._is_draining = False
        self._idle = asyncio.Event()

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the run loop, spare workers and preloads; they go on in the background."""
        self._preparer.loop = asyncio.get_running_loop()
        if not self._run_loop.start():
            self._spares.fill()

    async def drain(self, timeout_s: float) -> None:
        """Refuse new requests, let those accepted finish, and after `timeout_s` end what is left with DrainingError."""
        self._is_draining = True
        self.calm.end()
        self._note_idle()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            await self._end_all()

    async def close(self) -> None:
        """End every request and stop every worker. Nothing of the registry is left running. Idempotent."""
        self._is_draining = True
        if self._run_loop.is_running:
            await self._end_all()
        await self._builds.close()
        await asyncio.gather(self._spares.close(), self._upstreams.close(), *(each.close() for each in self._roster))
        await self._run_loop.close()

    # -- names and views ---------------------------------------------------------------------------

    @property
    def default_model_id(self) -> str | None:
        """What answers requests that name no model: an entry, by its canonical id, or a route."""
        return self._roster.default_model_id or self._roster.default_route

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
        if upstream is not None:
            return upstream.view(self._run_loop.created)
        return self._run_loop.view(self._roster.by_id[model_id])

    def is_upstream(self, model: str | None) -> bool:
        """Whether a remote server answers for an entry. Raises ModelNotFoundError."""
        return self._upstreams.get(self.resolve(model)) is not None

    def leaving(self) -> list[EntryView]:
        """Entries that were removed from the settings and have not gone yet."""
        return [self._run_loop.view(entry) for entry in self._roster if entry.state.is_removed]

    def memory(self) -> MemoryView:
        """Budget and promises of all models together."""
        return self._rooms.memory(len(self._spares))

    def logs(self, model: str | None) -> tuple[WorkerLog | None, WorkerLog | None]:
        """The last lines of the present worker, and of the one before. Raises like `unload`."""
        entry = self._entry(model)
        return entry.log(), entry.last_log

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

        Waits for its turn; `queues` tells of that wait. Raises ModelNotFoundError, ModelDisabledError,
        QueueFullError, DrainingError, why the load failed, or an UpstreamError.
        """
        self._refuse_if_draining()
        turn, remote = turn or Turn(), self._upstreams.get(self.resolve(model))
        if not turn.is_copy:
            self.calm.disturb()
        async with remote.acquire(turn.priority) if remote is not None else self._acquire_worker(model, turn) as lease:
            yield lease

    @contextlib.asynccontextmanager
    async def _acquire_worker(self, model: str | None, turn: Turn) -> AsyncGenerator[WorkerLease]:
        entry = self._entry(model)
        self._refuse_if_draining()
        tickets = turn.tickets  # one, and one more for every worker that died under this lease

        async def enter() -> LoadedWorker:
            tickets.append(ticket := self._run_loop.ticket())
            return await self._run_loop.enter(entry, Arrived(ticket, turn.keep_alive_s, turn.is_copy, turn.priority))

        try:
            loaded = await enter()
            lease = WorkerLease(entry.settings, loaded, enter)  # not before: they may change while it waits
            try:
                yield lease
            finally:
                lease.close()
        finally:
            for ticket in tickets:
                self._run_loop.leave(entry, ticket)

    # -- settings ----------------------------------------------------------------------------------

    async def configure(self, change: SettingsChange) -> None:
        """Go by new settings; returns once they hold for whatever is asked next. What has to unload or load goes on."""
        self._refuse_if_draining()
        self.calm.disturb()
        await self._run_loop.configure(change)

    def choose_default(self, model: str) -> str:
        """Make an entry or a route answer requests that name none, for this run; its canonical id.

        Raises ModelNotFoundError.
        """
        route = self.routing.view(model)
        name = self.resolve(model) if route is None else route.model_id
        self._roster.choose_default(name)
        return name

    def _take(self, change: SettingsChange) -> None:
        self._settings = self._preparer.settings = self.identities.settings = change.settings
        self._upstreams.configure(change.settings)
        self.routing.configure(change.settings)

    # -- operators ---------------------------------------------------------------------------------

    async def load(self, model: str | None) -> EntryView:
        """Load, and wait for the end of it, good or bad. A loaded model stays as it is; past failures are forgotten.

        Raises ModelNotFoundError, ModelDisabledError, DrainingError.
        """
        self._refuse_if_draining()
        if (before := self.view(model)).status == "disabled":
            raise from_info(refusals.disabled(before.listed_id))
        if (upstream := self._upstreams.get(self.resolve(model))) is not None:
            upstream.forgive()
            return self.view(model)
        entry = self._entry(model)
        return await self._order(entry, LoadAsked(self._run_loop.ticket()))

    def pull(self, name: str) -> AsyncGenerator[BuildProgress]:
        """Get the weights of an entry, or of any "OWNER/NAME:QUANT" on the Hub; the steps as they come.

        Raises BuildError or ConfigError while it is read.
        """
        try:
            model = self._entry(name).settings
        except ModelNotFoundError:
            model = pulled_model(name)
        return self._builds.follow(model)

    async def unload(self, model: str | None, *, force: bool = False) -> EntryView:
        """Unload once running requests have ended, or at once with AbortedError for all of them (`force`)."""
        entry = self._entry(model)
        return await self._order(entry, UnloadAsked(self._run_loop.ticket(), force))

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
        return await self._order(entry, EnableAsked(self._run_loop.ticket(), is_enabled))

    async def _end_all(self) -> None:
        error = refusals.draining()
        self._upstreams.end_all(error)
        unloads = (self._order(entry, UnloadAsked(self._run_loop.ticket(), True, error)) for entry in self._roster)
        await asyncio.gather(*unloads)

    # -- inside ------------------------------------------------------------------------------------

    def _entry(self, model: str | None) -> Entry:
        """An entry of this machine. Raises ModelNotFoundError, and NothingToLoadError for an upstream."""
        model_id = self.resolve(model)
        self._upstreams.refuse(model_id)
        return self._roster.by_id[model_id]

    async def _order(self, entry: Entry, order: LoadAsked | UnloadAsked | EnableAsked) -> EntryView:
        self.calm.disturb()
        return await self._run_loop.order(entry, order)

    def _refuse_if_draining(self) -> None:
        if self._is_draining:
            raise from_info(refusals.draining())

    def _note_idle(self) -> None:
        """Once nothing waits and nothing runs: end a drain, let others know."""
        self.calm.note()
        if self._is_draining and not self._run_loop.has_waiters and self.calm.is_idle:
            self._idle.set()
