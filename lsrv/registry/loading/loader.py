"""One load from settings to a worker that holds the model: find the weights, take a worker, load, heal once."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from lsrv.config import ModelSettings
from lsrv.errors import CrashedError, LsrvError, StartFailedError, UnresponsiveError
from lsrv.frontdoor import Weights
from lsrv.frontdoor.progress import BuildProgress
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, ModelInfo, Progress
from lsrv.registry.loading.builds import Builds
from lsrv.registry.loading.failure import Failure, Fingerprint
from lsrv.registry.loading.load_order import LoadBasis, find_basis
from lsrv.registry.loading.params import has_open_layers
from lsrv.registry.loading.saved_prompts import prompts_folder
from lsrv.registry.loading.weights import draft_of
from lsrv.registry.memory.budget import of_process, shown
from lsrv.registry.memory.fitting import FindBounds, Fitted, Openness, fit
from lsrv.registry.memory.planner import Planner
from lsrv.registry.offered_adapters import OfferedAdapter
from lsrv.registry.workers import cpu_faults
from lsrv.registry.workers.death import is_cpu_fault
from lsrv.registry.workers.process import WorkerProcess
from lsrv.registry.workers.spares import Spares
from lsrv.threads import in_thread

_Outcome = TypeVar("_Outcome")

_log = logging.getLogger(__name__)


class LoadedWorker(msgspec.Struct, frozen=True):
    """A worker and what it holds."""

    worker: WorkerProcess
    info: ModelInfo
    basis: LoadBasis
    plan: ContextPlan
    context_because: str = ""
    place_because: str = ""

    @property
    def weights(self) -> Weights:
        return self.basis.weights


@dataclass(frozen=True)
class Admission:
    """How one entry gets its memory: what it may take, and the wait until a plan is promised to it."""

    find_bounds: FindBounds
    reserve: Callable[[ContextPlan], Awaitable[None]]


class LoadLostError(Exception):
    """A load ended without a model; `failure` is what the entry's state needs to know."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error.message)
        self.failure = failure


class Loader:
    """Loads models into workers from `spares`, with weights from `builds`."""

    def __init__(
        self,
        spares: Spares,
        planner: Planner,
        builds: Builds,
        cache_disk_bytes: int,
        cpu_faults_file: Path | None = None,
    ) -> None:
        self._spares = spares
        self._planner = planner
        self._builds = builds
        self._cache_disk_bytes = cache_disk_bytes
        self._cpu_faults_file = cpu_faults_file
        self._n_loading = 0

    async def load(
        self,
        model: ModelSettings,
        adapters: Sequence[OfferedAdapter],
        known_bad: Failure | None,
        on_progress: Callable[[Progress], None],
        admission: Admission,
    ) -> LoadedWorker:
        """A loaded worker, which the caller owns. Raises LoadLostError; cancelling leaves no process behind."""
        self._n_loading += 1
        self._spares.hold_off()
        fingerprint: Fingerprint | None = None
        try:
            weights = await self._builds.get(model, lambda progress: on_progress(_as_load(progress)))
            _log_weights(model.listed_id, weights)
            draft = draft_of(model)
            guesser = await self._builds.get(draft, lambda progress: on_progress(_as_load(progress))) if draft else None
            basis = await in_thread(find_basis, model, adapters, weights, guesser)
            fingerprint = basis.files
            if known_bad is not None and known_bad.weights == fingerprint:
                raise LoadLostError(known_bad)
            worker, info, fitted = await self._load_or_heal(model, basis, on_progress, admission)
            _log_template(model.listed_id, info)
            return LoadedWorker(worker, info, basis, fitted.plan, fitted.context_because, fitted.place_because)
        except LsrvError as error:
            raise LoadLostError(_failure(error, fingerprint)) from error
        finally:
            self._n_loading -= 1
            if self._n_loading == 0:
                self._spares.fill_soon()

    async def plan(self, model: ModelSettings, basis: LoadBasis, find_bounds: FindBounds) -> Fitted:
        """What a load would choose now, and what it would take. Raises what the load would."""
        return await fit(self._planner.plan, self._params(basis), _openness(model, basis), find_bounds)

    def _params(self, basis: LoadBasis) -> LoadParams:
        prompts = str(prompts_folder())
        return msgspec.structs.replace(basis.params, cache_folder=prompts, cache_disk_bytes=self._cache_disk_bytes)

    async def take_back(self, loaded: LoadedWorker) -> None:
        """Unload a model that has no requests; its worker may serve the next load. Its memory is back afterwards."""
        await self._spares.give_back(loaded.worker)

    async def _load_or_heal(
        self,
        model: ModelSettings,
        basis: LoadBasis,
        on_progress: Callable[[Progress], None],
        admission: Admission,
    ) -> tuple[WorkerProcess, ModelInfo, Fitted]:
        """Plan, wait for room, load; after a death that a processor's false promise explains, without extra buffers."""
        label, params = f"the worker of model '{model.listed_id}'", self._params(basis)
        worker = await self._take(label)
        version = worker.llama_cpp_version
        verdict = in_thread(cpu_faults.is_condemned, version, self._cpu_faults_file)
        if await _or_stop(worker, verdict):
            params = msgspec.structs.replace(params, use_extra_bufts=False)
        ask = functools.partial(self._planner.plan, worker=worker)
        fitted = await _or_stop(worker, fit(ask, params, _openness(model, basis), admission.find_bounds))
        _log_fit(model.listed_id, fitted)
        await _or_stop(worker, admission.reserve(fitted.plan))
        try:
            info = await _or_stop(worker, worker.load(fitted.params, on_progress, basis.weights.size_bytes))
        except CrashedError as error:
            if not is_cpu_fault(error) or not params.use_extra_bufts:
                raise
            worker, info = await self._heal(fitted.params, label, error, on_progress)
        return worker, info, fitted

    async def _heal(
        self, params: LoadParams, label: str, crash: CrashedError, on_progress: Callable[[Progress], None]
    ) -> tuple[WorkerProcess, ModelInfo]:
        """The second try. When it succeeds, the verdict is kept for this machine and build."""
        _log.warning(
            "trying once without extra buffer types (use_extra_bufts = false)", extra={"reason": crash.message}
        )
        worker = await self._take(label)
        careful = msgspec.structs.replace(params, use_extra_bufts=False)
        info = await _or_stop(worker, worker.load(careful, on_progress))
        signal = str(crash.fields["signal"])
        await _or_stop(worker, in_thread(cpu_faults.condemn, worker.llama_cpp_version, signal, self._cpu_faults_file))
        _log.warning(
            "this processor faults on llama.cpp's extra buffer types: loads leave them off from now on",
            extra={"verdicts": str(self._cpu_faults_file or cpu_faults.cpu_faults_path())},
        )
        return worker, info

    async def _take(self, label: str) -> WorkerProcess:
        """A worker that is Ready."""
        worker = await self._spares.take()
        worker.label = label
        await _or_stop(worker, worker.wait_ready())
        return worker


async def _or_stop(worker: WorkerProcess, step: Awaitable[_Outcome]) -> _Outcome:
    """One step of a load. If it fails or is cancelled, the worker goes: nobody else knows of it yet."""
    try:
        return await step
    except BaseException:
        await worker.stop()
        raise


def _openness(model: ModelSettings, basis: LoadBasis) -> Openness:
    return Openness(basis.weights.header.n_ctx_train, has_open_layers(model))


def _log_weights(listed_id: str, weights: Weights) -> None:
    _log.info(
        "weights",
        extra={
            "model_id": listed_id,
            "path": str(weights.path),
            "quantization": weights.quantization,
            "made_here": "yes" if weights.is_made_here else "no",
            "origin": weights.origin,
            "because": weights.chosen_because,
        },
    )


def _log_template(listed_id: str, info: ModelInfo) -> None:
    if info.can_generate and not info.has_chat_template:
        reason = "the GGUF has none; /props shows it, chat_template and chat_template_name choose another"
        _log.warning("chats by an assumed template", extra={"model_id": listed_id, "because": reason})


def _log_fit(listed_id: str, fitted: Fitted) -> None:
    plan = fitted.plan
    _log.info(
        "planned",
        extra={
            "model_id": listed_id,
            "context_length": plan.n_ctx_seq,
            "slots": plan.n_slots,
            "memory": shown(of_process(plan.by_device)),
            "because": "; ".join(filter(None, (fitted.context_because, fitted.place_because))) or "so configured",
        },
    )


def _as_load(progress: BuildProgress) -> Progress:
    """A step of building as a step of the load that waits for it."""
    fraction = progress.n_bytes / progress.n_bytes_total if progress.n_bytes_total else 0.0
    return Progress(progress.stage, min(fraction, 1.0), progress.what)


def _failure(error: LsrvError, weights: Fingerprint | None) -> Failure:
    is_death = isinstance(error, CrashedError | UnresponsiveError | StartFailedError)
    log = error.fields.get("log")
    return Failure(
        error=error.info(),
        log_tail=tuple(log) if isinstance(log, list) else (),
        is_death=is_death,
        is_retryable=error.is_retryable and not is_death,
        weights=weights,
    )
