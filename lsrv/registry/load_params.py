"""From an entry's settings to what its worker is told to load. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lsrv.config import ModelSettings
from lsrv.frontdoor import Weights
from lsrv.protocol.commands import AdapterFile, LoadParams

_EMBEDDING_KINDS = ("embedding", "rerank")


def load_params(
    model: ModelSettings, weights: Weights, chat_template: str | None, adapters: Iterable[AdapterFile] = ()
) -> LoadParams:
    """`model`'s settings in the engine's words. `chat_template` is Jinja source; None: the weights' own."""
    device, context = model.device, model.context
    is_ranking = model.kind == "rerank" and context.pooling == "auto"
    return LoadParams(
        model_path=str(weights.path),
        is_embedding=_is_embedding(model, weights),
        n_gpu_layers=_n_gpu_layers(model),
        main_gpu=device.main_gpu,
        split_mode=device.split_mode,
        tensor_split=list(device.tensor_split),
        n_ctx_seq=0 if context.context_length == "auto" else context.context_length,
        n_slots=context.slots,
        n_batch=context.batch_size,
        n_ubatch=min(context.ubatch_size, context.batch_size),
        kv="split" if context.kv == "auto" else context.kv,
        cache_ram_bytes=-1 if context.cache_ram == "auto" else context.cache_ram,
        cache_type_k=context.cache_type_k,
        cache_type_v=context.cache_type_v,
        flash_attention=context.flash_attention,
        n_threads=device.threads,
        n_threads_batch=device.threads_batch,
        pooling="rank" if is_ranking else context.pooling,
        rope_scaling=context.rope_scaling,
        rope_freq_base=context.rope_freq_base,
        rope_freq_scale=context.rope_freq_scale,
        chat_template=chat_template,
        adapters=list(adapters),
    )


def _is_embedding(model: ModelSettings, weights: Weights) -> bool:
    if model.kind == "auto":
        return weights.header.is_embedding or model.context.pooling != "auto"
    return model.kind in _EMBEDDING_KINDS


def _n_gpu_layers(model: ModelSettings) -> int:
    if model.device.cpu:
        return 0
    return -1 if isinstance(model.device.gpu_layers, str) else model.device.gpu_layers
