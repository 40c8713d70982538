"""Random weights, made directly as Q4_K and Q6_K blocks: no float model, no quantizing, the same bytes everywhere.

Layouts are block_q4_K and block_q6_K of ggml-common.h. What the kernels compute costs the same whatever the values are.
"""

from __future__ import annotations

import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

WEIGHTS_PER_BLOCK = 256  # QK_K
_N_Q4_SCALES, _N_Q6_SCALES = 8, 16
_SCALE_LOW, _SCALE_HIGH = 16, 48  # of 6 bits: every sub-block has its own scale, none is degenerate
_MEAN_SCALE_RMS = 33.3  # root mean square of the scales above
_Q4_STD, _Q6_STD = 4.61, 18.5  # of uniform 4 and 6-bit numbers around their middle


def random_rows(rng: np.random.Generator, type_: Type, n_rows: int, n_cols: int, std: float) -> Bytes:
    """`n_rows` quantized rows of zero-mean weights with about the deviation `std`; uint8 (n_rows, row bytes)."""
    n_blocks = n_rows * n_cols // WEIGHTS_PER_BLOCK
    blocks = _q4_k(rng, n_blocks, std) if type_ == Type.Q4_K else _q6_k(rng, n_blocks, std)
    return blocks.reshape(n_rows, -1)


def _q4_k(rng: np.random.Generator, n_blocks: int, std: float) -> Bytes:
    """weight = d * scale * q - dmin * min; dmin = 7.5 d and min = scale put the middle of 0..15 at zero."""
    d = std / (_Q4_STD * _MEAN_SCALE_RMS)
    head = np.tile(np.array([d, 7.5 * d], dtype="<f2").view(np.uint8), (n_blocks, 1))
    scales = rng.integers(_SCALE_LOW, _SCALE_HIGH, size=(n_blocks, _N_Q4_SCALES), dtype=np.uint8)
    return np.concatenate([head, _pack_scales(scales), _noise(rng, n_blocks, 128)], axis=1)


def _pack_scales(scales: Bytes) -> Bytes:
    """Eight 6-bit scales, and the same eight as mins, in 12 bytes, as get_scale_min_k4() unpacks them."""
    low, high = scales[:, :4], scales[:, 4:]
    first = (low & 63) | (high >> 4 << 6)  # scales, then mins: the same bytes; then both low nibbles
    return np.concatenate([first, first, (high & 15) * 17], axis=1).astype(np.uint8)


def _q6_k(rng: np.random.Generator, n_blocks: int, std: float) -> Bytes:
    """weight = d * scale * (q - 32): low 4 bits (128 bytes), high 2 bits (64), 16 signed scales, d."""
    tail = np.tile(np.array([std / (_Q6_STD * _MEAN_SCALE_RMS)], dtype="<f2").view(np.uint8), (n_blocks, 1))
    scales = rng.integers(_SCALE_LOW, _SCALE_HIGH, size=(n_blocks, _N_Q6_SCALES), dtype=np.uint8)
    return np.concatenate([_noise(rng, n_blocks, 192), scales, tail], axis=1)


def _noise(rng: np.random.Generator, n_blocks: int, n_bytes: int) -> Bytes:
    return np.frombuffer(rng.bytes(n_blocks * n_bytes), dtype=np.uint8).reshape(n_blocks, n_bytes)
