"""llama_model_quantize and what it logs. Imports llama_cpp, as only the engine does else; runs in the child only.

Its C function reports only failure or success; sizes, tensors and reasons stand in the log alone.
"""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from lsrv.errors import QuantizeError
from lsrv.frontdoor.making.quantize.names import file_type
from lsrv.frontdoor.making.quantize.order import QuantizeOrder

# The binding annotates pointers as classes that no value of it is an instance of.
_lib: Any = llama_cpp

# llama.cpp keeps up to 8 GiB of rows otherwise; more than this is no faster.
_MAX_BUFFER_BYTES = 256 << 20
_SIZE = re.compile(r"quant size\s*=\s*([\d.]+) MiB")
_TENSOR = re.compile(r"^\[\s*\d+/\s*\d+\]\s+(\S+)", re.MULTILINE)
_REASON = re.compile(r"failed to quantize: (.+)")

Imatrix = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class QuantizePlan:
    """What a dry run tells: nothing was quantized, nothing written."""

    n_bytes: int  # of all tensors of the result, to 0.01 MiB
    tensor_names: frozenset[str]
    needs_imatrix: bool  # and none was given


class Llama:
    """llama.cpp in this process, with its log kept and written to stderr. One thread."""

    def __init__(self) -> None:
        self._log: list[str] = []
        # llama.cpp calls it until the process ends: hence kept here.
        self._callback = _lib.llama_log_callback(self._on_text)
        _lib.llama_log_set(self._callback, ctypes.c_void_p(0))
        _lib.llama_backend_init()

    def plan(self, order: QuantizeOrder) -> QuantizePlan:
        """Raises QuantizeError with llama.cpp's reason, as `run`."""
        log = self._quantize(order, None, is_dry_run=True)
        size = _SIZE.search(log)
        if size is None:
            raise QuantizeError("this llama.cpp does not say how large the result will be; update llama-cpp-python")
        names = frozenset(_TENSOR.findall(log))
        return QuantizePlan(round(float(size[1]) * (1 << 20)), names, "will require an imatrix" in log)

    def run(self, order: QuantizeOrder, imatrix: Imatrix | None) -> None:
        """Quantize; releases the GIL. Writes `order.target`, which is unfinished if it raises."""
        self._quantize(order, imatrix, is_dry_run=False)

    def _quantize(self, order: QuantizeOrder, imatrix: Imatrix | None, is_dry_run: bool) -> str:
        self._log.clear()
        params = _lib.llama_model_quantize_default_params()
        params.nthread = order.n_threads
        params.ftype = file_type(order.quantization)
        params.allow_requantize = True  # of Q8_0; `quantize` lets nothing below it come here
        params.dry_run = is_dry_run
        params.max_buf_size = _MAX_BUFFER_BYTES
        entries = _entries(imatrix) if imatrix is not None else None
        if entries is not None:
            params.imatrix = entries
        source, target = Path(order.source), Path(order.target)
        failed = _lib.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(params))
        log = "".join(self._log)
        if failed:
            reason = _REASON.search(log)
            raise QuantizeError(
                f"{source}: llama.cpp can't make {order.quantization} of it: "
                f"{reason[1].strip() if reason else 'it gives no reason'}",
                log=[line for line in log.splitlines() if line][-12:],
            )
        return log

    def _on_text(self, _level: int, text: bytes, _user_data: object) -> None:
        line = text.decode("utf-8", "replace")
        self._log.append(line)
        sys.stderr.write(line)
        sys.stderr.flush()


def _entries(imatrix: Imatrix) -> Any:
    """llama_model_imatrix_data[n + 1], ended by one without a name; the arrays of `imatrix` must outlive it."""
    entries = (_lib.llama_model_imatrix_data * (len(imatrix) + 1))()
    for entry, (name, values) in zip(entries, imatrix.items(), strict=False):
        entry.name = name.encode()
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = values.size
    return entries
