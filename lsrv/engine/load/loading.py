"""From a GGUF to a ready engine: read weights, make the context, warm up, say what was taken."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lsrv.engine.adapters import Adapters
from lsrv.engine.cost import StepCost
from lsrv.engine.embedding import EmbeddingEngine
from lsrv.engine.engine import Engine
from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.breakdown import RAM
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.model import Model
from lsrv.engine.load.fit import fit_params, n_guesses_step, store_bytes
from lsrv.engine.load.memory import memory_use, with_output
from lsrv.engine.prefix.cache import PrefixCache
from lsrv.engine.prefix.fingerprint import fingerprint, stamps_of
from lsrv.engine.prefix.folder import SequenceFolder
from lsrv.engine.prefix.store import SequenceStore
from lsrv.engine.sampling import model_defaults
from lsrv.engine.speculation.draft import DraftModel, draft_params
from lsrv.engine.speculation.guessers import Guesser, Lookup, Nowhere, Predicted
from lsrv.engine.speculation.record import GuessRecord
from lsrv.engine.speculation.speculation import Speculation
from lsrv.errors import LoadFailedError
from lsrv.file_digest import FileStamp
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import LoadStage, ModelInfo

if TYPE_CHECKING:
    from lsrv.engine.media.projector import Projector

_log = logging.getLogger(__name__)

_N_WARMUP_TOKENS = 8  # more than one: the paths for matrices fault apart from those for vectors
_N_LOG_LINES = 12
_LEADS_PER_UBATCH = 8  # to wait is one more step for the follower: on a CPU less than reading an eighth of a ubatch

OnLoadProgress = Callable[[LoadStage, float], None]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to serve; exactly one of the two engines is there."""

    model: Model
    params: LoadParams  # as fitted
    info: ModelInfo
    sampling_defaults: dict[str, float]
    adapters: Adapters
    projector: Projector | None  # what pictures and sounds go through
    generation: Engine | None
    embedding: EmbeddingEngine | None
    memory: ExitStack  # every model and context of it

    def free(self) -> None:
        """Give everything back, adapters included; nothing that was made of it may be used any more."""
        self.memory.close()


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an engine is given instead of what it would begin with, by those who measure it."""

    cost: StepCost | None = None
    store: SequenceStore | None = None
    experience: GuessRecord | None = None


NO_PARTS = EngineParts()


def load_model(
    backend: Backend, params: LoadParams, on_progress: OnLoadProgress, parts: EngineParts = NO_PARTS
) -> LoadedModel:
    """Load, warm up and describe one model; `on_progress` gets (stage, 0..1).

    Raises LoadFailedError with llama.cpp's last log lines in its fields. A CPU that faults on the build's kernels
    dies in the warm-up, before any request can depend on it.
    """
    started = time.perf_counter()
    backend.log.lines.clear()
    memory = ExitStack()
    stamps = _stamps(params)
    try:
        model = Model(params, lambda fraction: on_progress("weights", fraction))
        memory.callback(model.free)
        params = fit_params(params, model)
        adapters = _load_adapters(backend, model, params)
        projector = _load_projector(backend, model, params, memory)
        on_progress("context", 0.0)
        context = Context(model, params)
        memory.callback(context.free)
        _check_memory(context, model, params)
        own_kv_bytes = memory_use(backend.log.lines).kv_bytes
        params = msgspec.structs.replace(params, cache_ram_bytes=store_bytes(params, own_kv_bytes))
        speculation = _speculation(context, model, params, memory, parts.experience)
    except LoadFailedError as error:
        raise LoadFailedError(error.message, log=backend.log.tail(_N_LOG_LINES)) from error
    log = list(backend.log.lines)
    build = f"{backend.version} {backend.system_info}"
    on_progress("warmup", 0.0)
    _warm_up(context, model, params)
    return LoadedModel(
        model=model,
        params=params,
        info=_describe(model, context, params, log, projector, time.perf_counter() - started),
        sampling_defaults=model_defaults(model.meta),
        adapters=adapters,
        projector=projector,
        generation=None
        if params.is_embedding
        else _engine(context, model, params, _sequence_folder(params, stamps, build), adapters, speculation, parts),
        embedding=EmbeddingEngine(context, params, _vector_length(model, context)) if params.is_embedding else None,
        memory=memory,
    )


def _vector_length(model: Model, context: Context) -> int:
    return model.n_cls_out if context.pooling == "rank" else model.n_embd


def _load_adapters(backend: Backend, model: Model, params: LoadParams) -> Adapters:
    if params.adapters and params.is_embedding:
        raise LoadFailedError(
            f"{params.model_path} makes vectors or scores, and adapters change what a model writes; remove them"
        )
    adapters = Adapters(model, backend.log)
    for file in params.adapters:
        adapters.load(file.name, file.path)
    return adapters


def _load_projector(backend: Backend, model: Model, params: LoadParams, memory: ExitStack) -> Projector | None:
    """Raises LoadFailedError. Most models have none: the library for it is imported with the first."""
    if not params.projector_path or params.is_embedding:
        return None
    from lsrv.engine.llama.mtmd import mtmd
    from lsrv.engine.media.projector import Projector

    backend.log.hear(mtmd.mtmd_log_set)
    try:
        projector = Projector(params, model)
    except LoadFailedError as error:
        if params.needs_projector:
            raise
        _log.warning("the model takes text alone: %s", error.message)
        return None
    memory.callback(projector.free)
    return projector


def _check_memory(context: Context, model: Model, params: LoadParams) -> None:
    if params.is_shifting and not context.memory.can_shift:
        raise LoadFailedError(
            f"{params.model_path} ({model.arch}) can't move its cells, so its context can't shift; "
            "set context_shift = false for it"
        )


def _speculation(
    context: Context, model: Model, params: LoadParams, memory: ExitStack, experience: GuessRecord | None
) -> Speculation | None:
    """The guesses that the entry asks for, and those that requests bring; None where none can be verified."""
    is_off = params.speculation == "off"
    if is_off and (params.is_embedding or not context.memory.keeps_all_prefixes):
        return None
    if params.is_embedding:
        raise LoadFailedError(f'{params.model_path} writes no text to guess; set speculative.mode = "off" for it')
    if not context.memory.keeps_all_prefixes:
        raise LoadFailedError(
            f"{params.model_path} ({model.arch}) can't take tokens back, so guesses can't be verified; "
            'set speculative.mode = "off" for it'
        )
    n_step = params.n_outputs - params.n_slots if is_off else n_guesses_step(params, params.n_slots)
    guesser = Predicted(_guesser(model, params, memory))
    return Speculation(guesser, params.n_guess_max, n_step, params.n_ctx_seq, experience, is_for_all=not is_off)


def _guesser(model: Model, params: LoadParams, memory: ExitStack) -> Guesser:
    match params.speculation:
        case "off":
            return Nowhere()
        case "lookup":
            return Lookup()
        case "draft":
            return _draft(model, params, memory)


def _draft(model: Model, params: LoadParams, memory: ExitStack) -> DraftModel:
    own = draft_params(params)
    draft = DraftModel(Model(own, lambda _fraction: None), own, model.vocab)
    memory.callback(draft.free)
    return draft


def _engine(
    context: Context,
    model: Model,
    params: LoadParams,
    folder: SequenceFolder | None,
    adapters: Adapters,
    speculation: Speculation | None,
    parts: EngineParts,
) -> Engine:
    cache = PrefixCache(
        context.memory,
        params.n_slots,
        n_worth_waiting=params.n_ubatch // _LEADS_PER_UBATCH,
        store=SequenceStore(params.cache_ram_bytes) if parts.store is None else parts.store,
        folder=folder,
    )
    return Engine(context, model.vocab, params, cache, adapters, speculation, parts.cost)


def _stamps(params: LoadParams) -> tuple[FileStamp, ...]:
    """The files of the weights before they are loaded; none where no sequence goes to disk, or one can't be read."""
    if not params.cache_folder or params.cache_disk_bytes <= 0:
        return ()
    try:
        return stamps_of(params)
    except OSError:
        return ()  # the load says why


def _sequence_folder(params: LoadParams, stamps: tuple[FileStamp, ...], build: str) -> SequenceFolder | None:
    if not stamps:
        return None
    try:
        name = fingerprint(params, stamps, build)
    except OSError as error:
        _log.warning("prompts are not kept on disk", extra={"path": params.model_path, "reason": str(error)})
        return None
    return SequenceFolder(Path(params.cache_folder), name, params.cache_disk_bytes)


def _warm_up(context: Context, model: Model, params: LoadParams) -> None:
    n_tokens = min(_N_WARMUP_TOKENS, params.n_ctx_seq, params.n_batch)
    batch = Batch(n_tokens)
    token = max(model.vocab.bos, 0)
    n_outputs = n_tokens if params.is_embedding else 1
    if context.reads_in_parts:
        context.use_pooling(False)
        n_outputs = 0
    batch.add_chunk(np.full(n_tokens, token, np.int32), 0, 0, n_outputs=n_outputs)
    context.decode(batch)
    if context.reads_in_parts:
        context.use_pooling(True)
        batch.clear()
        batch.add_decode(token, n_tokens, 0)
        context.decode(batch)
    context.memory.empty()


def _shows_tools(model: Model, params: LoadParams) -> bool:
    """Whether a template that chats may be rendered by has a word for them."""
    if params.chat_template is not None:
        templates = (params.chat_template,)
    elif params.chat_template_name:
        templates = (model.chat_template(params.chat_template_name),)
    else:
        templates = (model.chat_template(), model.chat_template("tool_use"))
    return any(template is not None and "tools" in template for template in templates)


def _describe(
    model: Model, context: Context, params: LoadParams, log: Sequence[str], projector: Projector | None, load_s: float
) -> ModelInfo:
    return ModelInfo(
        arch=model.arch,
        name=model.meta("general.name") or "",
        quantization=model.quantization,
        n_params=model.n_params,
        size_bytes=model.size_bytes,
        n_vocab=model.vocab.n_tokens,
        n_ctx_train=model.n_ctx_train,
        n_ctx_seq=params.n_ctx_seq,
        n_slots=params.n_slots,
        n_embd=model.n_embd,
        kv=params.kv,
        n_threads=params.n_threads,
        n_threads_batch=params.n_threads_batch,
        pooling=context.pooling,
        has_chat_template=bool(params.chat_template or params.chat_template_name or model.chat_template()),
        has_tools=_shows_tools(model, params),
        can_generate=not params.is_embedding,
        can_see=projector is not None and projector.sees,
        can_hear=projector is not None and projector.hears,
        can_embed=params.is_embedding and context.pooling != "rank",
        can_rerank=params.is_embedding and context.pooling == "rank",
        use_extra_bufts=params.use_extra_bufts,
        n_gpu_layers=params.n_gpu_layers,
        n_cpu_moe=params.n_cpu_moe,
        memory=with_output(memory_use(log), context.output_bytes_max, RAM),
        load_s=load_s,
    )
