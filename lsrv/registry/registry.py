"""The registry: which models there are, in what state, and who may use them. `assemble` makes one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from lsrv.config import ModelSettings, SettingsChange
from lsrv.errors import ModelNotFoundError, from_info
from lsrv.frontdoor.progress import BuildProgress
from lsrv.model_id import ModelId
from lsrv.registry.adapter_loading import HotAdapters
from lsrv.registry.endpoints.endpoint import Lease
from lsrv.registry.endpoints.endpoints import Endpoints
from lsrv.registry.endpoints.patience import entered
from lsrv.registry.endpoints.waiting import Standing, Turn
from lsrv.registry.entries import refusals
from lsrv.registry.entries.view import EntryView, MemoryView, WorkerLog
from lsrv.registry.entries.watchers import Watcher, Watchers
from lsrv.registry.identity import Identities, ModelIdentity, identity_of_upstream
from lsrv.registry.life.idle import IdleWork
from lsrv.registry.life.start_and_end import Life
from lsrv.registry.loading.builds import Builds
from lsrv.registry.loading.weights import pulled_by_client
from lsrv.registry.loop.inbox import Inbox
from lsrv.registry.loop.memory_promises import MemoryPromises
from lsrv.registry.loop.worker_endpoint import WorkerEndpoints
from lsrv.registry.names import Names
from lsrv.registry.plans import Plans
from lsrv.registry.virtual_models import Routing
from lsrv.registry.workers.spares import Spares


class Registry:
    """Entries, and what may be asked of them. `start` it in the event loop it shall live in, and `close` it there.

    What has a noun of its own is a part: names, routing, adapters, identities, plans, and work for idle times.
    """

    def __init__(
        self,
        *,
        life: Life,
        inbox: Inbox,
        endpoints: Endpoints,
        workers: WorkerEndpoints,
        promises: MemoryPromises,
        spares: Spares,
        builds: Builds,
        watchers: Watchers,
        names: Names,
        routing: Routing,
        adapters: HotAdapters,
        identities: Identities,
        plans: Plans,
        idle_work: IdleWork,
    ) -> None:
        self.names = names
        self.routing = routing
        self.adapters = adapters
        self.identities = identities
        self.plans = plans
        self.idle_work = idle_work
        self._life = life
        self._inbox = inbox
        self._endpoints = endpoints
        self._workers = workers
        self._promises = promises
        self._spares = spares
        self._builds = builds
        self._watchers = watchers

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the run loop, spare workers and preloads; they go on in the background."""
        await self._life.start()

    async def drain(self, timeout_s: float) -> None:
        """Refuse new requests, let those accepted finish, and after `timeout_s` end what is left with DrainingError."""
        await self._life.drain(timeout_s)

    async def close(self) -> None:
        """End every request and stop every worker. Nothing of the registry is left running. Idempotent."""
        await self._life.close()

    async def configure(self, change: SettingsChange) -> None:
        """Go by new settings; returns once they hold for whatever is asked next. What has to unload or load goes on."""
        self._inbox.refuse_if_draining()
        self.idle_work.disturb()
        await self._inbox.configure(change)

    # -- views -------------------------------------------------------------------------------------

    def views(self) -> list[EntryView]:
        """Every entry, in config order. Loads and wakes nothing."""
        return self._endpoints.views()

    def view(self, model_id: ModelId) -> EntryView:
        """One entry. Raises ModelNotFoundError."""
        return self._endpoints.of(model_id).view()

    def leaving(self) -> list[EntryView]:
        """Entries that were removed from the settings and have not gone yet."""
        return [endpoint.view() for endpoint in self._workers.leaving()]

    def memory(self) -> MemoryView:
        """Budget and promises of all models together."""
        return self._promises.memory(len(self._spares))

    def logs(self, model_id: ModelId) -> tuple[WorkerLog | None, WorkerLog | None]:
        """The last lines of the present worker, and of the one before. Raises like `unload`."""
        entry = self._endpoints.entry(model_id)
        return entry.log(), entry.last_log

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called with every event from now on, in the event loop; it must not block."""
        self._watchers.add(watcher)

    def settings_of(self, model_id: ModelId) -> ModelSettings:
        """What an entry is configured to be now. Raises ModelNotFoundError."""
        return self._endpoints.of(model_id).settings

    def takes_openai_bodies(self, model_id: ModelId) -> bool:
        """Whether leases of an entry relay bodies in OpenAI's words. Raises ModelNotFoundError."""
        return self._endpoints.of(model_id).takes_openai_bodies

    def sends_away(self, model_id: ModelId) -> bool:
        """Whether requests to an entry leave this machine for good. Raises ModelNotFoundError."""
        return self._endpoints.of(model_id).sends_away

    async def identity(self, model_id: ModelId) -> ModelIdentity | None:
        """What the answers of an entry depend on beside the request; loads nothing. Raises ModelNotFoundError.

        None: that can't be told, or the entry must not answer.
        """
        endpoint = self._endpoints.of(model_id)
        if (upstream := endpoint.settings.upstream) is None:
            return await self.identities.get(model_id)
        return identity_of_upstream(upstream) if endpoint.view().status != "disabled" else None

    # -- requests ----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def acquire(self, model_id: ModelId, turn: Turn | None = None) -> AsyncGenerator[Lease]:
        """A place at what serves an entry: a worker, which is loaded first if it has to be, or another server.

        Waits for its turn; `standing` tells of that wait. Raises ModelNotFoundError, ModelDisabledError,
        QueueFullError, QueueTimeoutError, DrainingError, why the load failed, or an UpstreamError.
        """
        self._inbox.refuse_if_draining()
        turn, endpoint = turn or Turn(), self._endpoints.of(model_id)
        if not turn.is_copy:
            self.idle_work.disturb()
        async with contextlib.AsyncExitStack() as stack:
            yield await entered(stack, endpoint, turn)

    def standing(self, model_id: ModelId, turn: Turn) -> Standing | None:
        """Where a request for an entry stands; None where nothing is known of its wait."""
        return self._endpoints.of(model_id).standing(turn)

    # -- operators ---------------------------------------------------------------------------------

    async def load(self, model_id: ModelId) -> EntryView:
        """Load, and wait for the end of it, good or bad. A loaded model stays as it is; past failures are forgotten.

        Raises ModelNotFoundError, ModelDisabledError, DrainingError.
        """
        self._inbox.refuse_if_draining()
        endpoint = self._endpoints.of(model_id)
        if (before := endpoint.view()).status == "disabled":
            raise from_info(refusals.disabled(before.listed_id))
        self.idle_work.disturb()
        return await endpoint.load()

    def pull(self, name: str) -> AsyncGenerator[BuildProgress]:
        """Get the weights of an entry, or of any "OWNER/NAME:QUANT" on the Hub; the steps as they come.

        Raises BuildError or ConfigError while it is read.
        """
        try:
            model = self._endpoints.entry(self.names.resolve(name)).settings
        except ModelNotFoundError:
            model = pulled_by_client(name)
        return self._builds.follow(model)

    async def unload(self, model_id: ModelId, *, force: bool = False) -> EntryView:
        """Unload once running requests have ended, or at once with AbortedError for all of them (`force`)."""
        endpoint = self._endpoints.of(model_id)
        self.idle_work.disturb()
        return await endpoint.unload(force=force)

    async def enable(self, model_id: ModelId) -> EntryView:
        """Let a disabled entry serve again."""
        return await self._switch(model_id, is_enabled=True)

    async def disable(self, model_id: ModelId) -> EntryView:
        """Refuse requests for this entry from now on, and unload it once running ones have ended."""
        return await self._switch(model_id, is_enabled=False)

    async def _switch(self, model_id: ModelId, *, is_enabled: bool) -> EntryView:
        endpoint = self._endpoints.of(model_id)
        self.idle_work.disturb()
        return await endpoint.set_enabled(is_enabled)
