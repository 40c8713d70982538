"""The llama-cpp-python binding, imported once for the whole engine, and what it leaves out of libllama and libggml."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
from llama_cpp import _ggml

# The binding annotates pointers as classes that no value of it is an instance of; what enters our code is typed there.
lib: Any = llama_cpp


class GgufInit(ctypes.Structure):
    """gguf_init_params: without tensors."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


def _signed(library: Any, signatures: dict[str, tuple[Any, list[Any]]]) -> Any:
    """`library`, with the types that ctypes needs to pass pointers whole."""
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


# The binding offers no public way to either library. Sources: ggml-backend.h.
ggml: Any = _signed(
    _ggml.libggml,
    {
        "ggml_backend_cpu_buffer_type": (ctypes.c_void_p, []),
        "ggml_backend_dev_count": (ctypes.c_size_t, []),
        "ggml_backend_dev_get": (ctypes.c_void_p, [ctypes.c_size_t]),
        "ggml_backend_dev_name": (ctypes.c_char_p, [ctypes.c_void_p]),
        "ggml_backend_dev_type": (ctypes.c_int, [ctypes.c_void_p]),
        "ggml_backend_dev_memory": (None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
        "ggml_backend_buft_is_host": (ctypes.c_bool, [ctypes.c_void_p]),
        "ggml_backend_buft_get_device": (ctypes.c_void_p, [ctypes.c_void_p]),
    },
)
# Source: gguf.h.
gguf: Any = _signed(
    _ggml.libggml,
    {
        "gguf_init_from_file": (ctypes.c_void_p, [ctypes.c_char_p, GgufInit]),
        "gguf_free": (None, [ctypes.c_void_p]),
        "gguf_find_key": (ctypes.c_int64, [ctypes.c_void_p, ctypes.c_char_p]),
        "gguf_get_kv_type": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_int64]),
        "gguf_get_val_u32": (ctypes.c_uint32, [ctypes.c_void_p, ctypes.c_int64]),
    },
)
libllama: Any = lib.llama_cpp._lib
