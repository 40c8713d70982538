"""Number formats of safetensors, and exact ways from one to another. bfloat16 and float8 live in unsigned integers.

Formats: safetensors' README (names), OCP 8-bit floating point specification (E4M3 without infinities, E5M2 with).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class NumberType:
    """`storage`: the numpy type that holds it. `made`: the GGUF type in which its values stay what they are."""

    storage: np.dtype[Any]
    made: Type


NUMBER_TYPES = {
    "F32": NumberType(np.dtype("<f4"), Type.F32),
    "F16": NumberType(np.dtype("<f2"), Type.F16),
    "BF16": NumberType(np.dtype("<u2"), Type.BF16),
    "F8_E4M3": NumberType(np.dtype("u1"), Type.BF16),
    "F8_E5M2": NumberType(np.dtype("u1"), Type.BF16),
}
MADE_BYTES = {Type.F32: 4, Type.F16: 2, Type.BF16: 2}


def to_float32(values: Array, name: str) -> NDArray[np.float32]:
    """`values` as they are stored under the safetensors type `name`, as numbers; same shape."""
    if name == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    if name in ("F8_E4M3", "F8_E5M2"):
        return _float8(name)[values]
    return values.astype(np.float32)


def from_float32(values: NDArray[np.float32], made: Type) -> Array:
    """Numbers as they are stored in a GGUF; rounds to nearest, ties to even. Same shape."""
    if made == Type.BF16:
        bits = values.view(np.uint32)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)
    return values.astype(np.float16 if made == Type.F16 else np.float32)


@cache
def _float8(name: str) -> NDArray[np.float32]:
    """The 256 values of an 8-bit format."""
    n_mantissa, bias = (3, 7) if name == "F8_E4M3" else (2, 15)
    codes = np.arange(256)
    exponent, mantissa = (codes & 0x7F) >> n_mantissa, codes & ((1 << n_mantissa) - 1)
    fraction = mantissa / (1 << n_mantissa)
    scale = np.exp2(np.maximum(exponent, 1).astype(np.float64) - bias)
    values = np.where(exponent == 0, fraction, 1 + fraction) * scale
    if name == "F8_E4M3":
        values[(codes & 0x7F) == 0x7F] = np.nan
    else:
        values[exponent == 31] = np.where(mantissa[exponent == 31] == 0, np.inf, np.nan)
    return np.where(codes & 0x80, -values, values).astype(np.float32)
