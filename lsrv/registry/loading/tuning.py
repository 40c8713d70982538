"""`tune`: which weights of a model fit this machine with which context, from exact plans. Loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from lsrv.config import ModelSettings, Settings
from lsrv.errors import LsrvError
from lsrv.frontdoor.finding.memory_fit import Fit
from lsrv.frontdoor.finding.offers import Offer
from lsrv.protocol.events import ContextPlan, DeviceMemory
from lsrv.registry.loading.offer_plan import params_to_plan
from lsrv.registry.loading.params import has_open_layers
from lsrv.registry.loading.weights import front_door, spec_of
from lsrv.registry.memory.arbiter import MemoryAmounts
from lsrv.registry.memory.budget import RAM, Budget, only_bytes
from lsrv.registry.memory.fitting import Bounds, Openness, fit
from lsrv.registry.memory.planner import Planner
from lsrv.threads import Lanes

_CONTEXTS = (2048, 4096, 8192, 16384, 32768, 65536, 131072)
_NOTHING: Mapping[str, int] = MappingProxyType({})
_ENOUGH_CONTEXT = 4096  # a chat; more of it counts only after more precision


class TunedContext(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the table. `needed_bytes` by device; "CPU" is RAM."""

    n_ctx_seq: int
    n_slots: int
    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    needed_bytes: dict[str, int]
    is_fitting: bool


class AutoContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a load would choose where context_length is "auto", and why."""

    n_ctx_seq: int
    because: str


class TunedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `problem`: why there is no plan of it."""

    name: str
    quantization: str
    size_bytes: int
    origin: str
    is_here: bool
    n_ctx_train: int = 0
    contexts: list[TunedContext] = []
    auto: AutoContext | None = None
    problem: str | None = None


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The row and context that the table speaks for."""

    name: str
    quantization: str
    n_ctx_seq: int


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """The table. `best`: the largest weights that fit with a context for a chat, and then as much of it as fits."""

    model_id: str
    available_bytes: dict[str, int]
    weights: list[TunedWeights]
    best: Best | None


async def tune(
    planner: Planner,
    settings: Settings,
    model: ModelSettings,
    n_ctx_seqs: Sequence[int] = (),
    taken: Mapping[str, int] = _NOTHING,
    looks: Lanes | None = None,
) -> Tuning:
    """Plan whatever `model` may mean, with its settings, for each of `n_ctx_seqs` (none: usual ones).

    Compared with all that models may use, `taken` (what our own hold now) included. Weights that can't be planned keep
    their row and say why. Raises WeightsNotFoundError or FetchError if nothing is found.
    """
    looks = looks or Lanes()
    offers = await looks.run(model.model_id, front_door(settings).offers, spec_of(model))
    table = _Table(planner, settings, model, taken, looks)
    rows = [await table.row(offer, n_ctx_seqs) for offer in offers]
    return Tuning(
        model_id=model.model_id, available_bytes=only_bytes(table.limit()), weights=rows, best=choose_best(rows)
    )


class _Table:
    """What all rows of one `tune` have in common."""

    def __init__(
        self, planner: Planner, settings: Settings, model: ModelSettings, taken: Mapping[str, int], looks: Lanes
    ) -> None:
        self._looks = looks
        self._planner, self._model, self._taken = planner, model, taken
        self._budget = Budget(settings.server)
        self._n_entries = len(settings.models)

    def limit(self) -> MemoryAmounts:
        """All that models may use."""
        return self._budget.limit(self._taken.get(RAM, 0))

    async def row(self, offer: Offer, n_ctx_seqs: Sequence[int]) -> TunedWeights:
        """One row; if it can't be planned, why."""
        try:
            header, params = await self._looks.run(self._model.model_id, params_to_plan, self._model, offer)
            fitted = await fit(
                self._planner.plan,
                msgspec.structs.replace(params, n_ctx_seq=0),
                Openness(header.n_ctx_train, has_open_layers(self._model)),
                self._bounds,
            )
            planned = await self._planner.plan(params, list(n_ctx_seqs) or _contexts_for(header.n_ctx_train))
        except LsrvError as error:
            return _row(offer, problem=error.message)
        limit = self.limit()
        return _row(
            offer,
            quantization=planned.quantization,
            n_ctx_train=header.n_ctx_train,
            contexts=[_context(context, self._budget, limit) for context in planned.contexts],
            auto=AutoContext(n_ctx_seq=fitted.plan.n_ctx_seq, because=fitted.context_because),
        )

    def _bounds(self, devices: Mapping[str, DeviceMemory]) -> Bounds:
        self._budget.note_devices(devices, self._taken)
        limit = self.limit()
        return Bounds(limit, limit, self._budget.share(limit, self._n_entries), self._budget.need)


def choose_best(rows: Sequence[TunedWeights]) -> Best | None:
    """The largest weights that fit, with the longest context; those with enough context before all others.

    A context longer than the model was made for is taken only where no other one was asked for.
    """
    fitting = [(row, context) for row in rows for context in row.contexts if context.is_fitting]
    if not fitting:
        return None
    row, context = max(fitting, key=_worth)
    return Best(name=row.name, quantization=row.quantization, n_ctx_seq=context.n_ctx_seq)


def _worth(pair: tuple[TunedWeights, TunedContext]) -> tuple[bool, bool, int, int]:
    row, context = pair
    is_known = not row.n_ctx_train or context.n_ctx_seq <= row.n_ctx_train
    return is_known, _is_enough(row, context), row.size_bytes, context.n_ctx_seq


def _is_enough(row: TunedWeights, context: TunedContext) -> bool:
    return context.n_ctx_seq >= min(_ENOUGH_CONTEXT, row.n_ctx_train or _ENOUGH_CONTEXT)


def _contexts_for(n_ctx_train: int) -> list[int]:
    known = n_ctx_train or _ENOUGH_CONTEXT
    return [n for n in _CONTEXTS if n <= known] or [known]


def _row(
    offer: Offer,
    *,
    quantization: str = "",
    n_ctx_train: int = 0,
    contexts: list[TunedContext] | None = None,
    auto: AutoContext | None = None,
    problem: str | None = None,
) -> TunedWeights:
    return TunedWeights(
        name=offer.candidate.name,
        quantization=offer.candidate.quantization or quantization,
        size_bytes=offer.size_bytes,
        origin=offer.origin,
        is_here=offer.is_here,
        n_ctx_train=n_ctx_train,
        contexts=contexts or [],
        auto=auto,
        problem=problem,
    )


def _context(plan: ContextPlan, budget: Budget, limit: MemoryAmounts) -> TunedContext:
    needed = only_bytes(budget.need(plan.by_device))
    return TunedContext(
        n_ctx_seq=plan.n_ctx_seq,
        n_slots=plan.n_slots,
        weights_bytes=plan.memory.weights_bytes,
        kv_bytes=plan.memory.kv_bytes,
        compute_bytes=plan.memory.compute_bytes,
        needed_bytes=needed,
        is_fitting=bool(Fit(needed, limit)),
    )
