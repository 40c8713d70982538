"""The environment that our child processes (workers, build steps) start in: what they need, and no secrets. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_NAMES = frozenset({"HOME", "LANG", "TMPDIR", "TZ", "LLAMA_CPP_LIB_PATH", "VIRTUAL_ENV"})
_COVERAGE = frozenset({"COVERAGE_PROCESS_CONFIG"})  # a run of the tests that counts lines counts those of children, too
_PREFIXES = ("LC_", "DYLD_", "CUDA", "HIP", "HSA_", "ROCR_", "GGML_", "OMP_", "GOMP_", "KMP_", "VK_")
# Not every PYTHON…: some run a file of their own (PYTHONSTARTUP), wait for a person (PYTHONINSPECT) or flood the log.
_OF_PYTHON = frozenset(
    "PYTHON" + name
    for name in (
        "DONTWRITEBYTECODE",
        "EXECUTABLE",
        "FAULTHANDLER",
        "HASHSEED",
        "HOME",
        "IOENCODING",
        "MALLOC",
        "NOUSERSITE",
        "PLATLIBDIR",
        "PYCACHEPREFIX",
        "UNBUFFERED",
        "USERBASE",
        "UTF8",
    )
)
# Lists of folders in which code is looked for. An empty or relative one is the current folder, which may be anybody's:
# `PYTHONPATH=/mine:$PYTHONPATH` makes one by accident.
_FOLDERS = frozenset({"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"})

# ggml's abort handler starts gdb on the dying process, which can take longer than the load that failed.
_ALWAYS = {"GGML_NO_BACKTRACE": "1"}


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` for llama.cpp, its backends and Python: no secrets, and not the current folder."""
    names = _NAMES | _OF_PYTHON | _COVERAGE
    kept = {name: value for name, value in environ.items() if name in names or name.startswith(_PREFIXES)}
    folders = {name: _absolute_ones(environ[name]) for name in _FOLDERS if name in environ}
    return kept | {name: listed for name, listed in folders.items() if listed} | _ALWAYS


def _absolute_ones(folders: str) -> str:
    return os.pathsep.join(folder for folder in folders.split(os.pathsep) if Path(folder).is_absolute())
