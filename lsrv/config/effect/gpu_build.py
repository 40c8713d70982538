"""Whether the llama.cpp that workers load can use a GPU, by the names of its libraries. Loads none of them."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from pathlib import Path

_BACKEND = re.compile(r"(?:lib)?ggml-([a-z]+)")
_NO_GPU = {"base", "cpu", "blas", "rpc"}


@functools.cache
def is_cpu_build() -> bool:
    """Whether it is a build without any GPU backend. False where that can't be told."""
    try:
        names = [path.name for path in _library_folder().iterdir()]
    except (OSError, LookupError):
        return False
    return is_for_cpu(names)


def is_for_cpu(names: list[str]) -> bool:
    """Whether the libraries of these names have a backend for the CPU, and none for a GPU."""
    backends = {found[1] for name in names if (found := _BACKEND.match(name))}
    return "cpu" in backends and backends <= _NO_GPU


def _library_folder() -> Path:
    """Where llama-cpp-python looks. Raises LookupError if it is not installed."""
    if named := os.environ.get("LLAMA_CPP_LIB_PATH"):
        return Path(named)
    package = importlib.util.find_spec("llama_cpp")
    if package is None or package.origin is None:
        raise LookupError("llama_cpp")
    return Path(package.origin).parent / "lib"
