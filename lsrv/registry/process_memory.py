"""What a process takes of RAM, as the kernel counts it."""

from __future__ import annotations

import psutil


def rss_bytes(pid: int) -> int:
    """Resident memory, mapped files included; 0 once the process is gone."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def anonymous_bytes(pid: int) -> int:
    """Resident memory that no file backs; 0 once the process is gone."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return max(0, memory.rss - getattr(memory, "shared", 0))  # macOS does not tell shared from private
