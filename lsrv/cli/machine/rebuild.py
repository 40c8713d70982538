"""The exact command lines that put another build of llama.cpp into this very environment. Pure; runs nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import sys
from collections.abc import Iterable

_PACKAGE = "llama-cpp-python"
_WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
_FLAGS = {
    "Metal": "-DGGML_METAL=on",
    "CUDA": "-DGGML_CUDA=on",
    "HIP": "-DGGML_HIP=on",
    "Vulkan": "-DGGML_VULKAN=on",
    "CPU": "-DGGML_NATIVE=on",
}


def rebuild_commands(backends: Iterable[str]) -> dict[str, str]:
    """What to run for each of `backends`, from source, and the ready wheel; "CPU" is built for this very processor."""
    return {backend: rebuild_command(backend) for backend in backends} | {"CPU, ready wheel": _wheel_command("cpu")}


def rebuild_command(backend: str) -> str:
    """The command that compiles the installed version anew for `backend`: Metal, CUDA, HIP, Vulkan or CPU.

    The cache is off because pip and uv would else hand back the wheel built with other flags.
    """
    arguments = [*_installer(), "--no-deps", "--no-binary", _PACKAGE, _pinned()]
    return f'CMAKE_ARGS="{_FLAGS[backend]}" {shlex.join(arguments)}'


def _wheel_command(folder: str) -> str:
    """The command for a ready wheel. Without --only-binary a missing one would silently be compiled."""
    index = ["--extra-index-url", f"{_WHEELS}/{folder}"]
    return shlex.join([*_installer(), "--no-deps", "--only-binary", _PACKAGE, *index, _pinned()])


def _pinned() -> str:
    return f"{_PACKAGE}=={importlib.metadata.version(_PACKAGE)}"


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is None:  # made by uv, which puts no pip into an environment
        return ["uv", "pip", "install", "--python", sys.executable, "--reinstall", "--no-cache"]
    return [sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-cache-dir"]
