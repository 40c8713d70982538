"""The environment that our child processes (workers, build steps) start in: what they need, and no secrets. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "LLAMA_CPP_LIB_PATH", "VIRTUAL_ENV"})
_PREFIXES = ("LC_", "DYLD_", "CUDA", "HIP", "HSA_", "ROCR_", "GGML_", "OMP_", "GOMP_", "KMP_", "VK_", "PYTHON")

# ggml's abort handler starts gdb on the dying process, which can take longer than the load that failed.
_ALWAYS = {"GGML_NO_BACKTRACE": "1"}


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` for llama.cpp, its backends and Python; all else stays behind."""
    kept = {name: value for name, value in environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
    return kept | _ALWAYS
