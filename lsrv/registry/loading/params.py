"""From an entry's settings to what its worker is told to load. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from lsrv.config import ModelSettings
from lsrv.errors import LoadFailedError
from lsrv.frontdoor import GgufHeader, Weights
from lsrv.protocol.commands import AdapterFile, KvMode, LoadParams

_EMBEDDING_KINDS = ("embedding", "rerank")


def load_params(
    model: ModelSettings,
    weights: Weights,
    chat_template: str | None,
    adapters: Iterable[AdapterFile] = (),
    draft: Weights | None = None,
    projector: Path | None = None,
) -> LoadParams:
    """`model`'s settings in the engine's words. `chat_template` is Jinja source; None: the weights' own.

    Raises LoadFailedError if a reranker is asked for, and the weights are of none.
    """
    device, context = model.device, model.context
    kind = _kind(model, weights.header)
    if kind == "rerank":
        _require_classifier(weights)
    return LoadParams(
        model_path=str(weights.path),
        is_embedding=kind in _EMBEDDING_KINDS,
        n_gpu_layers=_n_gpu_layers(model),
        main_gpu=-1 if device.cpu else device.main_gpu,
        split_mode="none" if device.cpu else device.split_mode,
        tensor_split=list(device.tensor_split),
        n_ctx_seq=0 if context.context_length == "auto" else context.context_length,
        n_slots=context.slots,
        n_cells=context.kv_cells,
        is_shifting=context.context_shift,
        n_batch=context.batch_size,
        n_ubatch=min(context.ubatch_size, context.batch_size),
        prefill_slowdown=context.prefill_slowdown,
        kv=_kv(context.kv, context.kv_cells),
        cache_ram_bytes=-1 if context.cache_ram == "auto" else context.cache_ram,
        cache_type_k=context.cache_type_k,
        cache_type_v=context.cache_type_v,
        flash_attention=context.flash_attention,
        n_threads=device.threads,
        n_threads_batch=device.threads_batch,
        pooling="rank" if kind == "rerank" else context.pooling,
        rope_scaling=context.rope_scaling,
        rope_freq_base=context.rope_freq_base,
        rope_freq_scale=context.rope_freq_scale,
        chat_template=chat_template,
        chat_template_name=model.chat_template_name or "",
        has_control_in_text=model.control_in_text,
        adapters=list(adapters),
        speculation=model.speculative.mode,
        n_guess_max=model.speculative.max_tokens,
        projector_path=str(projector) if projector is not None else "",
        needs_projector=model.needs_projector,
        draft_path=str(draft.path) if draft is not None else "",
    )


def _kv(kv: Literal["auto", "shared", "split"], n_cells: int) -> KvMode:
    """Split caches are faster where prompts share nothing; a number of cells for all slots means a shared one."""
    if kv != "auto":
        return kv
    return "shared" if n_cells else "split"


def _kind(model: ModelSettings, header: GgufHeader) -> str:
    if model.kind != "auto":
        return model.kind
    if model.context.pooling == "auto":
        return header.kind
    return "rerank" if model.context.pooling == "rank" else "embedding"


def _require_classifier(weights: Weights) -> None:
    """Refuse a reranker without classifier: llama.cpp would give the first number of a text's vector for its score."""
    header = weights.header
    if not header.has_classifier and header.n_shards == 1:
        raise LoadFailedError(
            f"{weights.path} ({header.arch}) has no classifier (cls.output.weight), so it can't rank; "
            'name a reranker\'s GGUF, or write kind = "embedding"'
        )


def has_open_layers(model: ModelSettings) -> bool:
    """Whether what lies on GPUs is left to lsrv."""
    return model.device.gpu_layers == "auto" and not model.device.cpu


def _n_gpu_layers(model: ModelSettings) -> int:
    if model.device.cpu:
        return 0
    return -1 if isinstance(model.device.gpu_layers, str) else model.device.gpu_layers
