"""The memory of a worker as the system counts it."""

from __future__ import annotations

import msgspec
import psutil


class WorkerMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes. `rss`: all that is resident, mapped files included; `pss`: the same with shared pages divided."""

    rss_bytes: int = 0
    pss_bytes: int | None = None  # Linux only


def worker_memory(pid: int) -> WorkerMemory:
    """The memory of a process; zeros once it is gone. Blocks: the kernel walks its pages."""
    try:
        memory = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return WorkerMemory()
    return WorkerMemory(rss_bytes=memory.rss, pss_bytes=getattr(memory, "pss", None))


def rss_bytes(pid: int) -> int:
    """Resident memory of a process, mapped files included; 0 once it is gone."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def anonymous_bytes(pid: int) -> int:
    """Resident memory of a process that no file backs; 0 once it is gone."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return max(0, memory.rss - getattr(memory, "shared", 0))  # macOS does not tell shared from private
