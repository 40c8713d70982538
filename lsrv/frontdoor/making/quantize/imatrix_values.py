"""What an importance matrix says: the mean square of each input column, by tensor. Runs in the child only.

Formats: GGUF with `NAME.in_sum2` and `NAME.counts`, and the older binary one. Source: imatrix-loader.cpp of llama.cpp
and load_imatrix of llama-quantize, whose arithmetic this is.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lsrv.errors import CorruptWeightsError, QuantizeError
from lsrv.frontdoor.gguf.header import read_header

Values = npt.NDArray[np.float32]

_SUMS, _COUNTS = ".in_sum2", ".counts"
_N_NAME_BYTES_MAX = 256


def read_imatrix(path: Path) -> dict[str, Values]:
    """float32[n_columns * n_experts] by tensor name. Raises QuantizeError with the mend."""
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
        values = _read_gguf(path) if is_gguf else _read_legacy(path.read_bytes())
    except OSError as error:
        raise QuantizeError(f"{path}: can't be read ({error.strerror}); check the path and permissions") from None
    except (CorruptWeightsError, ValueError, struct.error) as error:
        raise QuantizeError(f"{path}: is no sound importance matrix ({error}); download it again") from None
    broken = [name for name, each in values.items() if not np.isfinite(each).all()]
    if broken:
        raise QuantizeError(f"{path}: holds values that are no numbers, for {broken[0]}; take another imatrix")
    return values


def _read_gguf(path: Path) -> dict[str, Values]:
    """Sums divided by the counts of each expert; an expert that no token reached counts as 1 everywhere."""
    from gguf import GGUFReader

    read_header(path)  # gguf-py believes every size; this does not
    tensors: dict[str, Any] = {tensor.name: tensor.data for tensor in GGUFReader(path).tensors}
    names = [name.removesuffix(_SUMS) for name in tensors if name.endswith(_SUMS)]
    if not names:
        raise ValueError("it names no tensors")
    return {name: _means(name, tensors[name + _SUMS], tensors.get(name + _COUNTS)) for name in names}


def _means(name: str, sums: Any, counts: Any) -> Values:
    if counts is None or sums.dtype != np.float32 or counts.dtype != np.float32 or sums.size % max(counts.size, 1):
        raise ValueError(f"sums and counts of {name} don't belong together")
    by_expert = sums.reshape(counts.size, -1)
    times = np.rint(counts).reshape(-1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(times > 0, by_expert / times, 1.0)
    return np.ascontiguousarray(means, np.float32).reshape(-1)


def _read_legacy(data: bytes) -> dict[str, Values]:
    """int32 n_entries, then for each: int32 length, name, int32 n_calls, int32 n, float32[n] of sums * n_calls."""
    values: dict[str, Values] = {}
    (n_entries,) = struct.unpack_from("<i", data)
    if n_entries < 1:
        raise ValueError("it holds no entries")
    offset = 4
    for _ in range(n_entries):
        (length,) = struct.unpack_from("<i", data, offset)
        if not 0 < length <= _N_NAME_BYTES_MAX:
            raise ValueError(f"a name of {length} bytes at byte {offset}")
        (raw_name,) = struct.unpack_from(f"<{length}s", data, offset + 4)
        n_calls, n = struct.unpack_from("<ii", data, offset + 4 + length)
        if n < 1:
            raise ValueError(f"{n} values at byte {offset}")
        offset += 12 + length
        sums = np.frombuffer(data, np.dtype("<f4"), n, offset)
        values[raw_name.decode()] = (sums / max(n_calls, 1)).astype(np.float32)
        offset += 4 * n
    return values
