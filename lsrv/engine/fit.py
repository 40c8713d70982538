"""What "choose for me" means: fills the open values of LoadParams from the model and the machine. Allocates nothing."""

from __future__ import annotations

import math
import os
from pathlib import Path

import msgspec
import psutil

from lsrv.engine.embedding_fit import fit_embedding
from lsrv.engine.llama.model import Model
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams

AUTO_CTX_SEQ = 4096  # enough for a chat, small enough for a laptop at AUTO_SLOTS
AUTO_SLOTS = 4
_CACHE_BYTES_MAX = 2 * 1024**3
_CACHE_SHARE = 8
_N_GUESSES_STEP = 64
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
        n_outputs=n_slots + n_guesses_step(params, n_slots),
        cache_ram_bytes=_good_cache_bytes() if params.cache_ram_bytes < 0 else params.cache_ram_bytes,
    )


def n_guesses_step(params: LoadParams, n_slots: int) -> int:
    """Most guessed tokens of one step, of all slots together: each needs room for its logits."""
    return 0 if params.speculation == "off" else min(_N_GUESSES_STEP, n_slots * params.n_guess_max)


def _good_cache_bytes() -> int:
    """A part of what is free now: enough for some long chats, and nothing that other programs would miss."""
    return min(_CACHE_BYTES_MAX, psutil.virtual_memory().available // _CACHE_SHARE)


def n_good_threads(size_bytes: int) -> int:
    """Physical cores this process may use: hyper-threads share the units that matrix products keep busy.

    One for weights that a core reads in no time: its threads would mostly wait for each other, and where the cores have
    other work, too, each such wait can last a time slice (seen: 680 ms per token instead of 2).
    """
    if size_bytes < _ONE_THREAD_BYTES:
        return 1
    n_physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    n_allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else n_physical
    return max(1, min(n_physical, n_allowed, _cgroup_cpus()))


def _cgroup_cpus() -> int:
    """CPUs a cgroup v2 quota allows, rounded up; effectively unlimited without one."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return 1 << 16
