"""Vectors as workers send them, little-endian float32, and as numbers. Pure."""

from __future__ import annotations

import math
import sys
from array import array

from lsrv.errors import LsrvError, RequestError


def floats_of(raw: bytes) -> array[float]:
    """The numbers of a vector as a worker sends it. Raises LsrvError if it holds what is none."""
    vector = array("f", raw)
    if sys.byteorder == "big":
        vector.byteswap()
    if not math.isfinite(sum(vector)):
        raise LsrvError("The model gave a vector that is not finite; its weights may be broken.")
    return vector


def bytes_of(vector: array[float]) -> bytes:
    """The vector as a worker would send it."""
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return vector.tobytes()


def shortened(vector: array[float], n_dimensions: int) -> array[float]:
    """The first `n_dimensions` values, of length 1 again (Matryoshka models put the most into the first ones).

    Raises RequestError if there are fewer.
    """
    if n_dimensions == len(vector):
        return vector
    if n_dimensions > len(vector):
        raise RequestError(
            f"dimensions is {n_dimensions}; this model's vectors have {len(vector)}.", param="dimensions"
        )
    head = vector[:n_dimensions]
    length = math.sqrt(math.fsum(value * value for value in head)) or 1.0
    return array("f", (value / length for value in head))
