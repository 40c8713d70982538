"""Exact bytes of a context, per device: `llama_get_memory_breakdown` of llama-ext.h. Also what devices have free.

The function is C++ and returns a `std::map` by value, keyed by buffer type. ctypes passes the hidden return pointer of
a large struct as either ABI wants it; then the map's tree of nodes is walked. Both standard libraries lay a node out as
three pointers and a colour, the key, and the value; only the order of the pointers and the place of the root differ.
The nodes are never freed: some hundred bytes per plan, in a process that soon loads a model or ends.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lsrv.engine.llama.context import Context
from lsrv.engine.llama.library import ggml, libllama
from lsrv.errors import LoadFailedError
from lsrv.protocol.events import DeviceMemory

RAM = "CPU"  # how llama.cpp calls main memory
_CPU_DEVICE, _GPU_DEVICE, _INTEGRATED_DEVICE = range(3)  # enum ggml_backend_dev_type of ggml-backend.h
_GPUS = (_GPU_DEVICE, _INTEGRATED_DEVICE)
_FUNCTION = "_Z26llama_get_memory_breakdownPK13llama_context"


@dataclass(frozen=True, slots=True)
class DeviceBytes:
    """What one buffer type holds. `device` is RAM for everything the processor computes on."""

    device: str
    weights: int
    context: int  # KV cache and recurrent state
    compute: int


class _GnuMap(ctypes.Structure):
    """std::map of libstdc++: comparator, then the header node, then the count."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("comparator", "color", "root", "leftmost", "rightmost", "count")]


class _LlvmMap(ctypes.Structure):
    """std::map of libc++ (macOS): first node, then the end node whose left child is the root, then the count."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("first", "root", "count")]


_VALUE = [("buft", ctypes.c_void_p), *((name, ctypes.c_size_t) for name in ("weights", "context", "compute"))]


class _GnuNode(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_void_p) for name in ("color", "parent", "left", "right")), *_VALUE]


class _LlvmNode(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_void_p) for name in ("left", "right", "parent", "color")), *_VALUE]


_LAYOUTS: dict[str, tuple[Any, Any]] = {"darwin": (_LlvmMap, _LlvmNode)}
_Map, _Node = _LAYOUTS.get(sys.platform, (_GnuMap, _GnuNode))


def memory_breakdown(context: Context) -> list[DeviceBytes]:
    """Bytes by buffer type; in a planned context those that would be allocated.

    Raises LoadFailedError if this build of llama.cpp can't say.
    """
    function = getattr(libllama, _FUNCTION, None)
    if function is None:
        raise LoadFailedError(
            "this build of llama.cpp can't plan memory; install the llama-cpp-python that lsrv asks for"
        )
    function.restype, function.argtypes = _Map, [ctypes.c_void_p]
    found = function(context.handle)
    nodes = list(_walk(found.root))
    if len(nodes) != (found.count or 0):
        raise LoadFailedError("this build of llama.cpp tells its memory in another form than lsrv reads")
    return [DeviceBytes(_device_of(node.buft), node.weights, node.context, node.compute) for node in nodes]


def gpus() -> list[Any]:
    """Handles of the GPUs that llama.cpp would use, in its order: integrated ones only where there are no others.

    Source: llama_prepare_model_devices of llama.cpp.
    """
    devices = [ggml.ggml_backend_dev_get(index) for index in range(ggml.ggml_backend_dev_count())]
    by_type = {type_: [each for each in devices if ggml.ggml_backend_dev_type(each) == type_] for type_ in _GPUS}
    return by_type[_GPU_DEVICE] or by_type[_INTEGRATED_DEVICE]


def device_memory() -> dict[str, DeviceMemory]:
    """What the GPUs have, by name. Source: ggml_backend_dev_memory."""
    found: dict[str, DeviceMemory] = {}
    for device in gpus():
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        is_ram = ggml.ggml_backend_dev_type(device) == _INTEGRATED_DEVICE or sys.platform == "darwin"
        found[ggml.ggml_backend_dev_name(device).decode()] = DeviceMemory(free.value, total.value, is_ram)
    return found


def _walk(address: int | None) -> Iterator[Any]:
    if address:
        node = _Node.from_address(address)
        yield from _walk(node.left)
        yield node
        yield from _walk(node.right)


def _device_of(buft: int) -> str:
    """The device whose memory a buffer type takes; a pinned host buffer of a GPU takes RAM."""
    device = ggml.ggml_backend_buft_get_device(buft)
    if not device or ggml.ggml_backend_buft_is_host(buft) or ggml.ggml_backend_dev_type(device) == _CPU_DEVICE:
        return RAM
    return ggml.ggml_backend_dev_name(device).decode()
