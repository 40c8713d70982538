"""What an operator may ask before a load: what fits, what it takes, who would leave. Loads nothing, evicts nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from lsrv.config import ModelSettings, Settings
from lsrv.frontdoor import Pending, Weights
from lsrv.model_id import ModelId
from lsrv.registry.entries.entry import Entry
from lsrv.registry.loading.load_order import find_basis
from lsrv.registry.loading.loader import LoadedWorker, Loader
from lsrv.registry.loading.tuning import Tuning, tune
from lsrv.registry.loading.weights import draft_of, look
from lsrv.registry.loop.memory_promises import MemoryPromises
from lsrv.registry.memory.arbiter import MemoryAmounts
from lsrv.registry.memory.budget import shown
from lsrv.registry.memory.planner import Planner
from lsrv.registry.preview import LoadPreview, described, foreseen, pending
from lsrv.threads import Lanes


class Plans:
    """Questions about entries of a running registry. `find_entry` raises what an entry without weights deserves."""

    def __init__(
        self,
        planner: Planner,
        loader: Loader,
        promises: MemoryPromises,
        find_entry: Callable[[ModelId], Entry],
        settings: Settings,
    ) -> None:
        self._planner = planner
        self._loader = loader
        self._promises = promises
        self._find_entry = find_entry
        self._settings = settings
        self._looks = Lanes()

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next question on."""
        self._settings = settings

    async def tune(self, model_id: ModelId, n_ctx_seqs: Sequence[int] = ()) -> Tuning:
        """Which weights of a model fit with which context. Raises what looking for them raises."""
        entry = self._find_entry(model_id)
        return await tune(
            self._planner, self._settings, entry.settings, n_ctx_seqs, self._promises.taken(), self._looks
        )

    async def preview(self, model_id: ModelId) -> LoadPreview:
        """What a load of an entry would take and do now. Raises why its weights can't be had or planned."""
        entry = self._find_entry(model_id)
        promised = self._promises.promised(entry)
        if entry.loaded is not None and promised is not None:
            return _of_loaded(entry, entry.loaded, promised)
        weights = await self._look(entry.settings)
        if isinstance(weights, Pending):
            return pending(entry.settings.listed_id, weights)
        draft = draft_of(entry.settings)
        guesser = await self._look(draft) if draft is not None else None
        if isinstance(guesser, Pending):
            return pending(entry.settings.listed_id, guesser)
        basis = await self._looks.run(
            entry.settings.model_id, find_basis, entry.settings, tuple(entry.adapters), weights, guesser
        )
        fitted = await self._loader.plan(entry.settings, basis, self._promises.bounds)
        if (promised := self._promises.promised(entry)) is not None:
            begun = LoadPreview(model=entry.settings.listed_id, verdict="loading", summary="it is loading just now")
            return described(begun, weights, fitted.plan, promised)
        forecast = self._promises.forecast(entry, fitted.plan)
        asked = foreseen(entry.settings.listed_id, forecast, self._promises.listed_id, entry.reload_s)
        asked = replace(
            asked,
            context_because=fitted.context_because,
            placed_because=fitted.place_because,
            budget_because=self._promises.budget_because(),
        )
        return described(asked, weights, fitted.plan, forecast.needed)

    async def has_room(self, model_id: ModelId) -> bool:
        """Whether nobody leaves or waits for an entry: it is loaded, or its weights are here and fit."""
        return (await self.preview(model_id)).verdict in ("loaded", "fits")

    async def _look(self, model: ModelSettings) -> Weights | Pending:
        return await self._looks.run(model.model_id, look, self._settings, model)


def _of_loaded(entry: Entry, loaded: LoadedWorker, promised: MemoryAmounts) -> LoadPreview:
    held = LoadPreview(
        model=entry.settings.listed_id,
        verdict="loaded",
        summary=f"is loaded, and holds {shown(promised)}",
        load_s=loaded.info.load_s,
        context_because=loaded.context_because,
        placed_because=loaded.place_because,
    )
    return described(held, loaded.weights, loaded.plan, promised)
