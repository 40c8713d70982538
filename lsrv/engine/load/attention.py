"""Whether a context computes attention in one pass (flash attention) or in steps. Pure."""

from __future__ import annotations

from lsrv.protocol.commands import FlashAttention, LoadParams

_N_LONG = 2048  # cells of a slot: the steps gain behind some 400 tokens, and lose before
_SCORES_BYTES_MAX = 512 * 1024 * 1024
_PARTS_OF_WEIGHTS = 2
_FLOAT_BYTES = 4
_FLOAT_TYPES = ("f32", "f16", "bf16")


def choose_attention(
    params: LoadParams, n_head: int, weights_bytes: int, *, is_on_gpu: bool, is_x86: bool
) -> FlashAttention:
    """`params.flash_attention`; "auto" becomes "off" where that was seen to be faster, and its memory is at hand.

    ggml's flash attention computes few tokens slowly on x86 (0.6B model, one stream, off / on: 1.16 times the time per
    token behind 60 tokens, 0.96 behind 500, 0.76 behind 2,100; a prompt of 500 itself is read up to 1.6 times slower;
    `benchmarks/attention.py`), but passes over cells of
    other sequences, which a shared KV cache is full of. Without it all scores of a ubatch are in memory at once.
    """
    if params.flash_attention != "auto" or is_on_gpu or not is_x86:
        return params.flash_attention
    if params.kv == "shared" or params.cache_type_v not in _FLOAT_TYPES or params.n_ctx_seq < _N_LONG:
        return params.flash_attention
    scores_bytes = n_head * params.n_ctx_seq * params.n_ubatch * _FLOAT_BYTES
    is_at_hand = scores_bytes <= min(_SCORES_BYTES_MAX, weights_bytes // _PARTS_OF_WEIGHTS)
    return "off" if is_at_hand else "auto"
