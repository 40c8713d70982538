"""Adapters while models serve: which there are, loading and unloading them, what applies by default."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from lsrv.errors import BuildError, LoadFailedError, LsrvError, NothingToLoadError, RequestError
from lsrv.protocol.commands import UnloadAdapter
from lsrv.registry.adapters import OfferedAdapter
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.state import Phase
from lsrv.registry.lease import WorkerLease, answer_of


class HotAdapters:
    """The adapters of all entries. The model of an entry is never touched for them."""

    def __init__(
        self,
        entry_of: Callable[[str | None], Entry],
        acquire: Callable[[str], AbstractAsyncContextManager[WorkerLease]],
    ) -> None:
        self._entry_of = entry_of
        self._acquire = acquire

    def of(self, model: str | None) -> tuple[OfferedAdapter, ...]:
        """What requests to `model` may choose, in the order it came; of an upstream none. Raises ModelNotFoundError."""
        try:
            return tuple(self._entry_of(model).adapters)
        except NothingToLoadError:
            return ()

    def set_defaults(self, model: str | None, weights: Mapping[int, float]) -> None:
        """What applies to requests that choose none: weights by number. Raises RequestError for an unknown one."""
        self._entry_of(model).adapters.set_defaults(weights)

    async def load(
        self,
        model: str | None,
        name: str,
        source: str,
        *,
        is_replacing: bool = False,
        expected_generation: str | None = None,
    ) -> OfferedAdapter:
        """Offer one more adapter; its model, loaded first if it has to be, goes on serving meanwhile.

        Raises AdapterConflictError, RequestError for a `source` that is no adapter of it, and whatever `acquire` does.
        """
        entry = self._entry_of(model)
        async with entry.adapters.changing:
            entry.adapters.check_free(name, expected_generation, is_replacing=is_replacing)
            adapter = entry.adapters.make(name, source)
            async with self._acquire(entry.settings.model_id) as lease:
                try:
                    await lease.load_adapter(adapter)
                except (BuildError, LoadFailedError) as error:
                    raise RequestError(error.message, param="lora_path") from error
                entry.adapters.add(adapter)
        return adapter

    async def unload(self, model: str | None, name: str, *, expected_generation: str | None = None) -> OfferedAdapter:
        """Offer an adapter no longer; requests that use it finish with it.

        Raises ModelNotFoundError, AdapterConflictError.
        """
        entry = self._entry_of(model)
        async with entry.adapters.changing:
            adapter = entry.adapters.remove(name, expected_generation)
            # A model that is being loaded comes with the adapter; whatever ends its worker ends the adapter, too.
            with contextlib.suppress(LsrvError):
                if entry.state.phase is Phase.LOADING:
                    async with self._acquire(entry.settings.model_id):
                        pass
                if entry.loaded is not None:
                    await answer_of(entry.loaded.worker, UnloadAdapter(0, name))
        return adapter
