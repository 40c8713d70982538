"""What a load would take, exactly, for several context sizes at once; nothing but the vocabulary is read into memory.

llama.cpp builds the model and its worst-case graphs without buffers (`no_alloc`) and says what they would need. Only
recurrent state (Mamba and hybrids) is really allocated meanwhile: a few MB per slot.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import msgspec

from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.breakdown import RAM, DeviceBytes, device_memory, memory_breakdown
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.model import Model
from lsrv.engine.load.fit import fit_params, store_bytes
from lsrv.engine.load.memory import memory_use, with_output
from lsrv.engine.media.projector_size import projector_bytes
from lsrv.engine.speculation.draft import draft_params
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, MemoryUse, Planned

_N_LOG_LINES = 12
# Measured with 262k tokens: llama.cpp holds 156 bytes (SentencePiece) or 275 (BPE) of each, and we their text.
_TOKEN_BYTES = 300
_N_CELLS_MAX = 1 << 25  # llama.cpp keeps some 50 bytes of books per cell, also while it only plans
_LOG_STEP_BYTES = 1024 * 1024 // 100  # llama.cpp's log has two decimals of a MiB


def plan_memory(backend: Backend, params: LoadParams, n_ctx_seqs: Sequence[int]) -> Planned:
    """One plan for each of `n_ctx_seqs`; for what `params.n_ctx_seq` means if there is none.

    Raises LoadFailedError for what a load would refuse, with llama.cpp's last log lines in its fields.
    """
    backend.log.lines.clear()
    try:
        with _shape(params) as model, _draft_shape(params) as draft:
            wanted = n_ctx_seqs or [params.n_ctx_seq]
            return _planned(model, [_plan_context(backend, model, draft, params, n_ctx_seq) for n_ctx_seq in wanted])
    except LoadFailedError as error:
        raise LoadFailedError(error.message, log=backend.log.tail(_N_LOG_LINES)) from error


@contextmanager
def _shape(params: LoadParams) -> Generator[Model]:
    """The model without its weights."""
    model = Model(params, lambda fraction: None, is_only_planned=True)
    try:
        yield model
    finally:
        model.free()


def _draft_shape(params: LoadParams) -> AbstractContextManager[Model | None]:
    return _shape(draft_params(params)) if params.speculation == "draft" else nullcontext()


def _plan_context(
    backend: Backend, model: Model, draft: Model | None, params: LoadParams, n_ctx_seq: int
) -> ContextPlan:
    params = fit_params(msgspec.structs.replace(params, n_ctx_seq=n_ctx_seq), model)
    if params.n_cells > _N_CELLS_MAX:
        raise LoadFailedError(
            f"{params.model_path}: a context of {params.n_slots} x {params.n_ctx_seq} tokens is beyond all machines; "
            "lower context_length or slots"
        )
    memory = _with_files(_memory_of_context(backend, model, params), params)
    n_store_bytes = store_bytes(params, memory.kv_bytes)
    if draft is not None:
        memory = _together(memory, _memory_of_context(backend, draft, draft_params(params)))
    n_tokens = model.vocab.n_tokens + (draft.vocab.n_tokens if draft is not None else 0)
    return ContextPlan(params.n_ctx_seq, params.n_slots, memory, n_store_bytes, n_tokens * _TOKEN_BYTES)


def _memory_of_context(backend: Backend, model: Model, params: LoadParams) -> MemoryUse:
    """What a model and its context take; `params` are fitted."""
    backend.log.lines.clear()
    context = Context(model, params)
    try:
        logged = memory_use(backend.log.lines)
        return with_output(_memory(memory_breakdown(context), logged), context.output_bytes_max, RAM)
    finally:
        context.free()


def _together(one: MemoryUse, other: MemoryUse) -> MemoryUse:
    return MemoryUse(
        weights_bytes=one.weights_bytes + other.weights_bytes,
        kv_bytes=one.kv_bytes + other.kv_bytes,
        compute_bytes=one.compute_bytes + other.compute_bytes,
        output_bytes=one.output_bytes + other.output_bytes,
        by_device={
            device: one.by_device.get(device, 0) + other.by_device.get(device, 0)
            for device in one.by_device.keys() | other.by_device.keys()
        },
    )


def _with_files(memory: MemoryUse, params: LoadParams) -> MemoryUse:
    """`memory` and what lies beside the model: adapters, whose files are little more than matrices, and a projector.

    They lie where the model's matrices do; of several devices the fullest is charged.
    """
    n_bytes = sum(Path(file.path).stat().st_size for file in params.adapters)
    n_bytes += projector_bytes(params.projector_path) if params.projector_path else 0
    fullest = max(memory.by_device, key=lambda device: memory.by_device[device])
    by_device = memory.by_device | {fullest: memory.by_device[fullest] + n_bytes}
    return msgspec.structs.replace(memory, weights_bytes=memory.weights_bytes + n_bytes, by_device=by_device)


def _memory(parts: Sequence[DeviceBytes], logged: MemoryUse) -> MemoryUse:
    """The breakdown, and the output buffer, which only the log tells (it is allocated even here, in RAM).

    The log says the compute buffers, too, rounded: were the breakdown read wrongly, they would differ.
    """
    compute_bytes = sum(part.compute for part in parts)
    if abs(compute_bytes - logged.compute_bytes) > _LOG_STEP_BYTES * len(parts):
        raise LoadFailedError(
            f"llama.cpp's log says {logged.compute_bytes} bytes of compute buffers, its breakdown {compute_bytes}; "
            "install the llama-cpp-python that lsrv asks for"
        )
    by_device = {RAM: logged.output_bytes}
    for part in parts:
        by_device[part.device] = by_device.get(part.device, 0) + part.weights + part.context + part.compute
    return MemoryUse(
        weights_bytes=sum(part.weights for part in parts),
        kv_bytes=sum(part.context for part in parts),
        compute_bytes=compute_bytes,
        output_bytes=logged.output_bytes,
        by_device=by_device,
    )


def _planned(model: Model, contexts: list[ContextPlan]) -> Planned:
    return Planned(
        arch=model.arch,
        quantization=model.quantization,
        n_params=model.n_params,
        n_ctx_train=model.n_ctx_train,
        contexts=contexts,
        n_layers=model.n_layers,
        has_experts=model.has_experts,
        devices=device_memory(),
    )
