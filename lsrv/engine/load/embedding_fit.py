"""What "choose for me" means for embedding models and rerankers: pooling, and sizes of batches. Allocates nothing."""

from __future__ import annotations

import msgspec

from lsrv.engine.llama.context import POOLINGS
from lsrv.engine.llama.model import Model
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams, Pooling

_N_CTX_SEQ = 2048
_N_SLOTS = 32
_WITH_LEARNED_POSITIONS = ("bert",)  # a vector for each; beyond them llama.cpp ends the process
_N_LABELS_OF_A_SOFTMAX = 2


def fit_embedding(params: LoadParams, model: Model) -> LoadParams:
    """`params` with context, slots, batch sizes and pooling decided. Raises LoadFailedError for what can't be."""
    pooling = _pooling(params, model)
    n_ctx_seq = params.n_ctx_seq or min(model.n_ctx_train, _N_CTX_SEQ)
    if n_ctx_seq > model.n_ctx_train and model.arch in _WITH_LEARNED_POSITIONS:
        raise LoadFailedError(
            f"{params.model_path} has {model.n_ctx_train} positions, and context_length is {n_ctx_seq}; lower it"
        )
    return msgspec.structs.replace(
        params,
        n_slots=params.n_slots or _N_SLOTS,
        n_ctx_seq=n_ctx_seq,
        # Pooling sees one ubatch, so a whole input must fit into it, unless it can be read in parts.
        n_batch=params.n_ubatch if model.reads_in_parts(pooling) else max(n_ctx_seq, params.n_ubatch),
        kv="shared",  # all inputs of a round share one pool of cells
        pooling=pooling,
    )


def _pooling(params: LoadParams, model: Model) -> Pooling:
    """What is asked for, else what the model says, else mean, as sentence-transformers takes it."""
    own = model.meta(f"{model.arch}.pooling_type")
    own_pooling: Pooling = "mean" if own is None else POOLINGS.get(int(own), "mean")
    pooling = own_pooling if params.pooling == "auto" else params.pooling
    if pooling == "rank" and params.pooling == "auto":
        raise LoadFailedError(
            f'{params.model_path} is a reranker; set kind = "rerank", or context.pooling = "mean" for vectors from it'
        )
    if pooling == "rank" and model.ranks_in_probabilities and model.n_cls_out < _N_LABELS_OF_A_SOFTMAX:
        raise LoadFailedError(
            f"{params.model_path} has one label to rank by, of which llama.cpp makes the probability 1 for any "
            f'{model.arch}; name a GGUF with labels such as "yes" and "no", as llama.cpp converts Qwen3-Reranker'
        )
    return pooling
