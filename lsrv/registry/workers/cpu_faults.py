"""Verdicts over extra buffer types: machines on which a build of llama.cpp dies unless repacked weights are off.

Some processors advertise features they fault on (AMX under some hypervisors: SIGSEGV in the first decode of a quantized
matrix). A load that dies that way is tried once without them; when that helps, the verdict is kept for this machine and
this build, so that no later load has to die first.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import platform
import time
from pathlib import Path

import msgspec
import platformdirs

_CPUINFO = Path("/proc/cpuinfo")
_CPUINFO_KEYS = ("model name", "Model", "flags", "Features")

_log = logging.getLogger(__name__)


class CpuFault(msgspec.Struct, frozen=True, kw_only=True):
    """Loads on this `cpu` (name and hash of its features) with this `llama_cpp_version` need use_extra_bufts=False."""

    cpu: str
    llama_cpp_version: str
    signal: str  # how the worker died with them
    found_at: int  # Unix time


def cpu_faults_path() -> Path:
    """Where verdicts are kept. Deleting the file has every machine and build tried anew."""
    return platformdirs.user_state_path("lsrv") / "extra_bufts.json"


def read_cpu_faults(path: Path | None = None) -> list[CpuFault]:
    """Every verdict kept on this machine; none if the file is missing or unreadable (which is logged)."""
    path = path or cpu_faults_path()
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[CpuFault])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("can't read what earlier loads found out", extra={"path": str(path), "reason": str(error)})
        return []


def is_condemned(llama_cpp_version: str, path: Path | None = None) -> bool:
    """Whether loads of this build on this machine must leave extra buffer types off."""
    cpu = cpu_identity()
    return any(known.cpu == cpu and known.llama_cpp_version == llama_cpp_version for known in read_cpu_faults(path))


def condemn(llama_cpp_version: str, signal: str, path: Path | None = None) -> None:
    """Keep the verdict for this machine and build. A disk that refuses is logged: the next load finds out again."""
    path = path or cpu_faults_path()
    verdict = CpuFault(
        cpu=cpu_identity(), llama_cpp_version=llama_cpp_version, signal=signal, found_at=int(time.time())
    )
    others = [
        known
        for known in read_cpu_faults(path)
        if (known.cpu, known.llama_cpp_version) != (verdict.cpu, verdict.llama_cpp_version)
    ]
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(msgspec.to_builtins([*others, verdict]), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        _log.warning("can't keep what this load found out", extra={"path": str(path), "reason": str(error)})


@functools.cache
def cpu_identity() -> str:
    """The processor's name and a hash of its features: equal on equal machines."""
    facts = _cpuinfo_facts() or [platform.machine(), platform.processor()]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    return f"{facts[0]} {digest}"


def _cpuinfo_facts() -> list[str]:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    firsts = (next((value for name, value in pairs if name == key), "") for key in _CPUINFO_KEYS)
    return [value for value in firsts if value]
