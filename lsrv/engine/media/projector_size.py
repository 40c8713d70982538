"""What a projector will take, by the head of its file: nothing of it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lsrv.engine.llama.library import GgufInit, gguf

_U32 = 4  # GGUF_TYPE_UINT32
_FLOAT_BYTES = 4
_N_COPIES = 8  # of the activations that llama.cpp keeps side by side in one layer, about
_OVERHEAD_BYTES = 16 * 1024 * 1024


def projector_bytes(path: str) -> int:
    """Weights, and buffers for the largest picture that is not cut into pieces: about. Raises OSError."""
    return Path(path).stat().st_size + _OVERHEAD_BYTES + _buffer_bytes(path)


def _buffer_bytes(path: str) -> int:
    head = gguf.gguf_init_from_file(path.encode(), GgufInit(no_alloc=True, ctx=None))
    if not head:
        return 0  # the load says what is wrong with it
    try:
        return _of(partial(_value, head))
    finally:
        gguf.gguf_free(head)


def _value(head: int, key: str) -> int:
    found: int = gguf.gguf_find_key(head, f"clip.{key}".encode())
    if found < 0 or gguf.gguf_get_kv_type(head, found) != _U32:
        return 0
    return gguf.gguf_get_val_u32(head, found)


def _of(value: Callable[[str], int]) -> int:
    patch = value("vision.patch_size")
    if not patch:
        return 0
    n_patches = (value("vision.image_size") // patch) ** 2
    wide = 2 * value("vision.feed_forward_length") + _N_COPIES * value("vision.embedding_length")
    return n_patches * wide * _FLOAT_BYTES
