"""What a model's safetensors files hold, checked before a byte of it is believed. Tensors are mapped, not read.

Format: https://github.com/huggingface/safetensors (8 bytes of length, JSON, data). Every offset is checked against the
file and against shape and type; what overlaps, overflows or is missing is a ConvertError.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.config import as_object
from lsrv.frontdoor.making.convert.json_file import decode, read_optional
from lsrv.frontdoor.making.convert.number_types import NUMBER_TYPES, Array
from lsrv.frontdoor.making.convert.source_files import INDEX, is_weights, parts_of

_HEADER_BYTES_MAX = 100_000_000  # the reference implementation's own limit
_N_DIMS_MAX = 4
_OTHERS = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8, "F64": 8}
_SIZES = _OTHERS | {name: each.storage.itemsize for name, each in NUMBER_TYPES.items()}


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


@dataclass(frozen=True)
class SourceTensor:
    """One tensor of a checkpoint; `offset` counts from the file's first byte."""

    name: str
    path: Path
    dtype: str  # as safetensors writes it
    shape: tuple[int, ...]
    offset: int

    @property
    def row_length(self) -> int:
        """1 for vectors: their values are rows, as the values of a bias change places with a matrix's rows."""
        return self.shape[-1] if len(self.shape) > 1 else 1

    @property
    def n_rows(self) -> int:
        return math.prod(self.shape) // self.row_length

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * NUMBER_TYPES[self.dtype].storage.itemsize

    def rows(self) -> Array:
        """The mapped values, [n_rows, row_length], as stored. Unmapped when the array is dropped."""
        storage = NUMBER_TYPES[self.dtype].storage
        shape = (self.n_rows, self.row_length)
        return np.memmap(self.path, dtype=storage, mode="r", offset=self.offset, shape=shape)


def read_tensors(folder: Path) -> dict[str, SourceTensor]:
    """All floating-point tensors of the model in `folder`, by name. Raises ConvertError."""
    paths = sorted(path for path in folder.iterdir() if is_weights(path.name))
    found: dict[str, SourceTensor] = {}
    for path in paths:
        for tensor in _read_file(path):
            if tensor.name in found:
                raise ConvertError(f"{path}: {tensor.name} is in {found[tensor.name].path.name} already; fetch again")
            found[tensor.name] = tensor
    _require_complete(folder, {path.name for path in paths})
    return found


def _require_complete(folder: Path, names: set[str]) -> None:
    listed = {str(name) for name in as_object(read_optional(folder / INDEX).get("weight_map")).values()}
    listed |= {part for name in names for part in parts_of(name)}
    if missing := sorted(listed - names):
        raise ConvertError(f"{folder}: {', '.join(missing)} is missing, of {len(listed)} parts; fetch the rest")
    if not names:
        raise ConvertError(f"{folder}: holds no model.safetensors")


def _read_file(path: Path) -> list[SourceTensor]:
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        n_header = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= n_header <= min(_HEADER_BYTES_MAX, size_bytes - 8):
            raise ConvertError(f"{path}: is no safetensors file, or not complete ({size_bytes} bytes); fetch it again")
        header = file.read(n_header)
    entries = decode(header, dict[str, msgspec.Raw], path)
    entries.pop("__metadata__", None)
    parsed = {name: decode(bytes(raw), _Entry, path) for name, raw in entries.items()}
    n_before = 8 + n_header
    _require_disjoint(path, parsed, size_bytes - n_before)
    return [
        SourceTensor(name, path, entry.dtype, tuple(entry.shape), n_before + entry.data_offsets[0])
        for name, entry in parsed.items()
        if entry.dtype in NUMBER_TYPES
    ]


def _require_disjoint(path: Path, entries: dict[str, _Entry], n_data: int) -> None:
    """Every tensor fills exactly its own bytes of the file."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        size = _SIZES.get(entry.dtype)
        if size is None:
            raise ConvertError(f"{path}: {name} has the type {entry.dtype}, which can't be converted")
        first, last = entry.data_offsets
        is_sane = len(entry.shape) <= _N_DIMS_MAX and all(0 < each < 2**40 for each in entry.shape)
        if not is_sane or first < end or last > n_data or last - first != math.prod(entry.shape) * size:
            raise ConvertError(
                f"{path}: {name} claims bytes {first} to {last} of {n_data} for {entry.dtype} {entry.shape}; "
                f"the file is damaged or not complete, fetch it again"
            )
        end = last
