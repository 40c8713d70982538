"""Adapters while models serve: which there are, loading and unloading them, what applies by default."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator, Mapping

from lsrv.errors import AdaptersBusyError, BuildError, LoadFailedError, LsrvError, RequestError
from lsrv.model_id import ModelId
from lsrv.protocol.commands import UnloadAdapter
from lsrv.registry.endpoints.endpoint import Endpoint
from lsrv.registry.endpoints.endpoints import Endpoints
from lsrv.registry.endpoints.waiting import Turn
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.phase import Phase
from lsrv.registry.loop.worker_lease import answer_of
from lsrv.registry.offered_adapters import OfferedAdapter

_MOST_LOADS = 8  # of one model at once: they come one after another


class HotAdapters:
    """The adapters of all entries. The model of an entry is never touched for them."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._n_loads: Counter[ModelId] = Counter()  # that run or wait

    def of(self, model_id: ModelId) -> tuple[OfferedAdapter, ...]:
        """What requests to an entry may choose, in the order it came. Raises ModelNotFoundError."""
        return self._endpoints.of(model_id).adapters

    def set_defaults(self, model_id: ModelId, weights: Mapping[int, float]) -> None:
        """What applies to requests that choose none: weights by number. Raises RequestError for an unknown one."""
        self._endpoints.entry(model_id).adapters.set_defaults(weights)

    async def load(
        self,
        model_id: ModelId,
        name: str,
        source: str,
        *,
        is_replacing: bool = False,
        expected_generation: str | None = None,
    ) -> OfferedAdapter:
        """Offer one more adapter; its model, loaded first if it has to be, goes on serving meanwhile.

        Raises AdapterConflictError, AdaptersBusyError, RequestError for a `source` that is no adapter of it, and
        whatever `acquire` does.
        """
        endpoint = self._endpoints.of(model_id)
        entry = endpoint.entry()
        with self._counted(model_id):
            return await self._load(endpoint, entry, name, source, is_replacing, expected_generation)

    @contextlib.contextmanager
    def _counted(self, model_id: ModelId) -> Generator[None]:
        if self._n_loads[model_id] >= _MOST_LOADS:
            text = f"{_MOST_LOADS} adapters of this model are being loaded or wait for that; try again in a second"
            raise AdaptersBusyError(text, retry_after_s=1)
        self._n_loads[model_id] += 1
        try:
            yield
        finally:
            self._n_loads[model_id] -= 1

    async def _load(
        self,
        endpoint: Endpoint,
        entry: Entry,
        name: str,
        source: str,
        is_replacing: bool,
        expected_generation: str | None,
    ) -> OfferedAdapter:
        async with entry.adapters.changing:
            entry.adapters.check_free(name, expected_generation, is_replacing=is_replacing)
            adapter = entry.adapters.make(name, source)
            async with endpoint.acquire(Turn()) as lease:
                try:
                    await lease.load_adapter(adapter)
                except (BuildError, LoadFailedError) as error:
                    raise RequestError(error.message, param="lora_path") from error
                entry.adapters.add(adapter)
        return adapter

    async def unload(self, model_id: ModelId, name: str, *, expected_generation: str | None = None) -> OfferedAdapter:
        """Offer an adapter no longer; requests that use it finish with it.

        Raises ModelNotFoundError, AdapterConflictError.
        """
        endpoint = self._endpoints.of(model_id)
        entry = endpoint.entry()
        async with entry.adapters.changing:
            adapter = entry.adapters.remove(name, expected_generation)
            # A model that is being loaded comes with the adapter; whatever ends its worker ends the adapter, too.
            with contextlib.suppress(LsrvError):
                if entry.state.phase is Phase.LOADING:
                    async with endpoint.acquire(Turn()):
                        pass
                if entry.loaded is not None:
                    await answer_of(entry.loaded.worker, UnloadAdapter(0, name))
        return adapter
