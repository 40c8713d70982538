"""The machine that serves, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys

import msgspec
import psutil

from lsrv import __version__
from lsrv.errors import ServerError
from lsrv.registry import MemoryView

_DOCTOR_S = 120.0

_encode = msgspec.json.Encoder().encode


def machine_body(memory: MemoryView) -> dict[str, object]:
    """What `GET /v1/system/info` says."""
    ram = psutil.virtual_memory()
    devices = [
        {"name": name, "budget_bytes": n_bytes, "promised_bytes": memory.promised_bytes.get(name, 0)}
        for name, n_bytes in memory.budget_bytes.items()
    ]
    return {
        "lsrv": __version__,
        "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
        "python": platform.python_version(),
        "os": {"name": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "cpu": {"n_logical": os.cpu_count(), "n_physical": psutil.cpu_count(logical=False)},
        "memory": {"total_bytes": ram.total, "available_bytes": ram.available},
        "devices": devices,
    }


def examined() -> bytes:
    """What `lsrv doctor --json` says here. Blocks. Raises ServerError."""
    command = [sys.executable, "-m", "lsrv", "doctor", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_DOCTOR_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise ServerError(f"the doctor has not finished within {_DOCTOR_S:g} s; run `lsrv doctor` there") from None
    try:
        return _encode(msgspec.json.decode(done.stdout))
    except msgspec.DecodeError:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise ServerError(f"`lsrv doctor` has failed with code {done.returncode}: {said}") from None
