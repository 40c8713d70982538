"""Facts about this machine, read once for `lsrv doctor`: processor, memory, disk, port. Judges nothing."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import psutil

GpuMaker = Literal["Apple", "NVIDIA", "AMD", "other"]


def cpu_name() -> str:
    """The processor as its maker calls it, else the architecture."""
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string") or platform.machine()
    return _cpuinfo("model name") or _cpuinfo("Model") or platform.machine()


def cpu_features() -> frozenset[str]:
    """Instruction set extensions the processor advertises, in the kernel's lower-case names; empty if unknown."""
    if sys.platform == "darwin":
        return frozenset(_sysctl("machdep.cpu.features").lower().split())
    return frozenset((_cpuinfo("flags") or _cpuinfo("Features")).split())


def memory_bytes() -> tuple[int, int]:
    """(total, available) bytes of RAM on the host."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available


def free_disk_bytes(folder: Path) -> int:
    """Bytes a user may still write where `folder` is, or would be made. Raises OSError."""
    return shutil.disk_usage(_nearest(folder)).free


def write_trouble(folder: Path) -> str:
    """Why nothing can be written where `folder` is, or would be made; "" if something can: it is tried."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(b"lsrv")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen at `host` and `port` now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def gpu_maker(dev: Path = Path("/dev")) -> GpuMaker | None:
    """Who made the GPU of this machine, by what its driver shows; None if there is none, or no driver."""
    if sys.platform == "darwin":
        return "Apple" if platform.machine() == "arm64" else None
    if any(dev.glob("nvidia[0-9]*")) or ((dev / "dxg").exists() and shutil.which("nvidia-smi")):  # dxg: Windows' WSL
        return "NVIDIA"
    if (dev / "kfd").exists():
        return "AMD"
    return "other" if any((dev / "dri").glob("renderD*")) else None


def _cpuinfo(key: str) -> str:
    """The value of the first line of /proc/cpuinfo that starts with `key`; empty if there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    pairs = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")


def _sysctl(name: str) -> str:
    found = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False, timeout=5)
    return found.stdout.strip()
