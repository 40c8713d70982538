"""Tensors on their way into the file: rows of the source in a new order, changed in value where needed, chunk by chunk.

Nothing is ever held but one mapped source tensor and one chunk, so that memory does not grow with the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from lsrv.frontdoor.making.convert.number_types import MADE_BYTES, NUMBER_TYPES, Array, from_float32, to_float32
from lsrv.frontdoor.making.convert.safetensors import SourceTensor

_CHUNK_BYTES = 16 * 1024 * 1024  # of float32

Rows = range | NDArray[np.int64]


@dataclass(frozen=True)
class Scale:
    """Factors of FP8 values: one for each block of `n_rows` x `n_cols` of them."""

    source: SourceTensor
    n_rows: int
    n_cols: int

    def of(self, rows: Rows, row_length: int) -> NDArray[np.float32]:
        """[len(rows), row_length], by which the stored values are multiplied."""
        factors = to_float32(self.source.rows(), self.source.dtype)[np.asarray(rows) // self.n_rows]
        return np.repeat(factors, self.n_cols, axis=1)[:, :row_length]


@dataclass(frozen=True)
class Piece:
    """Some rows of a source tensor, in this order."""

    source: SourceTensor
    rows: Rows
    scale: Scale | None = None


@dataclass(frozen=True)
class MadeTensor:
    """A tensor of the GGUF: its pieces one after the other, each value plus `shift`. `shape` is slowest first."""

    name: str
    shape: tuple[int, ...]
    type: Type
    pieces: tuple[Piece, ...] = ()
    values: tuple[float, ...] = ()  # instead of pieces: small tensors that come from config.json
    shift: float = 0.0

    @property
    def n_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * MADE_BYTES[self.type]

    def chunks(self) -> Iterator[Array]:
        """The tensor's bytes in order, as arrays of any shape."""
        if self.values:
            yield np.array(self.values, dtype=np.float32)
        for piece in self.pieces:
            yield from _changed(piece, self.type, self.shift)


def _changed(piece: Piece, made: Type, shift: float) -> Iterator[Array]:
    source, stored = piece.source, piece.source.rows()
    is_copied = NUMBER_TYPES[source.dtype].made == made and not shift and not source.dtype.startswith("F8")
    n_rows = max(1, _CHUNK_BYTES // (4 * source.row_length))
    for first in range(0, len(piece.rows), n_rows):
        rows = piece.rows[first : first + n_rows]
        taken = stored[rows.start : rows.stop] if isinstance(rows, range) else stored[rows]
        if is_copied:
            yield taken
            continue
        values = to_float32(taken, source.dtype)
        if piece.scale:
            values *= piece.scale.of(rows, source.row_length)
        yield from_float32(values + np.float32(shift) if shift else values, made)
