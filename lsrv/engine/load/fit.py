"""What "choose for me" means: fills the open values of LoadParams from the model and the machine. Allocates nothing."""

from __future__ import annotations

import msgspec
import psutil

from lsrv.cores import n_good_cores, read_processor
from lsrv.engine.llama.breakdown import gpus
from lsrv.engine.llama.model import Model
from lsrv.engine.load.embedding_fit import fit_embedding
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams

AUTO_CTX_SEQ = 4096  # enough for a chat, small enough for a laptop at AUTO_SLOTS
AUTO_SLOTS = 4
_STORE_BYTES_MAX = 1024**3
_STORE_SHARE = 16
_N_GUESSES_STEP = 64
_N_SCORED_STEP_MIN, _N_SCORED_STEP_MAX = 16, 64
_SCORED_STEP_BYTES = 16 * 1024 * 1024
_ONE_THREAD_BYTES = 16 * 1024 * 1024


def fit_params(params: LoadParams, model: Model) -> LoadParams:
    """`params` with context, slots, batch sizes, pooling and threads decided.

    Raises LoadFailedError if the model can't do what is asked of it.
    """
    n_threads = params.n_threads or n_good_threads(model.size_bytes)
    params = msgspec.structs.replace(params, n_threads=n_threads, n_threads_batch=params.n_threads_batch or n_threads)
    return fit_embedding(params, model) if params.is_embedding else _fit_generation(params, model)


def _fit_generation(params: LoadParams, model: Model) -> LoadParams:
    if not model.can_generate:
        raise LoadFailedError(
            f"{params.model_path} ({model.arch}) doesn't write text token by token; "
            'if it is an embedding model, set kind = "embedding" for it'
        )
    n_slots = params.n_slots or AUTO_SLOTS
    n_ctx_seq = params.n_ctx_seq or min(model.n_ctx_train, AUTO_CTX_SEQ)
    n_batch = max(params.n_batch, n_slots)  # every slot's next token must fit one batch
    n_ubatch = params.n_ubatch
    if model.n_swa > 0:
        # llama_kv_cache::prepare tries all ubatches of a batch. Where a later one takes cells that left the window,
        # others are purged that an earlier one still needs, and stay lost (seen: other text). One ubatch is safe.
        n_batch = n_ubatch = max(n_ubatch, n_slots)
    return msgspec.structs.replace(
        params,
        n_slots=n_slots,
        n_ctx_seq=n_ctx_seq,
        n_batch=n_batch,
        n_ubatch=n_ubatch,
        n_prefill=n_batch if _is_pipeline(params) else min(n_batch, n_ubatch),
        n_cells=params.n_cells or n_slots * n_ctx_seq,
        n_outputs=n_slots + max(n_guesses_step(params, n_slots), _n_scored_step(model.vocab.n_tokens)),
    )


def _is_pipeline(params: LoadParams) -> bool:
    """Whether several GPUs hold layers: then one computes a ubatch while the next one computes the one before it."""
    return params.n_gpu_layers != 0 and params.split_mode == "layer" and len(gpus()) > 1


def n_guesses_step(params: LoadParams, n_slots: int) -> int:
    """The most guessed tokens of one step, of all slots together: each needs room for its logits."""
    return 0 if params.speculation == "off" else min(_N_GUESSES_STEP, n_slots * params.n_guess_max)


def _n_scored_step(n_vocab: int) -> int:
    """Tokens of prompts that one step scores, at least: each needs room for its logits, too.

    So few that a ubatch needs no larger buffers for them than for everything else.
    """
    return min(_N_SCORED_STEP_MAX, max(_N_SCORED_STEP_MIN, _SCORED_STEP_BYTES // (4 * n_vocab)))


def store_bytes(params: LoadParams, kv_bytes: int) -> int:
    """What sequences without a slot may take of RAM. Left open: as much as those with one, within reason.

    All of it is promised before the load, so that it is not chosen larger than it is likely to be used.
    """
    if params.is_embedding:
        return 0
    if params.cache_ram_bytes >= 0:
        return params.cache_ram_bytes
    return min(_STORE_BYTES_MAX, kv_bytes, psutil.virtual_memory().available // _STORE_SHARE)


def n_good_threads(size_bytes: int) -> int:
    """Cores that serve a model of that size best.

    One for weights that a core reads in no time: its threads would mostly wait for each other, and where the cores have
    other work, too, each such wait can last a time slice (seen: 680 ms per token instead of 2).
    """
    return 1 if size_bytes < _ONE_THREAD_BYTES else n_good_cores(read_processor())
