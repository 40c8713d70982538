"""What the system reads for a worker: a sign of life while a slow disk keeps it silent, and how far its load is.

Weights are mapped, so a load from an SD card or over a network can be one system call of many minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from lsrv.protocol.events import Progress

_LOOK_S = 1.0
_NEARLY = 0.99  # the worker itself says when it has all of them
_N_MAJOR_FAULTS = 9  # which field of /proc/PID/stat they are, counted from behind the name


class DiskReads:
    """What one process has read from disks. On Linux; elsewhere nothing is ever seen."""

    def __init__(self) -> None:
        self._n_seen = 0

    def have_moved(self, pid: int) -> bool:
        """Whether anything was read since the last call: bytes, or pages of mapped files."""
        n_now = read_bytes(pid) + _major_faults(pid)
        n_before, self._n_seen = self._n_seen, n_now
        return n_now > n_before


class ReadProgress:
    """How far a load of `n_bytes` is, by what the worker says and by what the system reads, whichever is more."""

    def __init__(self, pid: int, n_bytes: int, on_progress: Callable[[Progress], None]) -> None:
        self._pid = pid
        self._n_bytes = n_bytes
        self._on_progress = on_progress
        self._told = 0.0  # of the weights

    def take(self, progress: Progress) -> None:
        """What the worker says."""
        if progress.stage == "weights":
            if progress.fraction < self._told:
                return
            self._told = progress.fraction
        else:
            self._told = 1.0  # it is past the weights
        self._on_progress(progress)

    async def watch(self) -> None:
        """Look every second; to be cancelled at the end of the load."""
        n_start = read_bytes(self._pid)
        while self._n_bytes:
            await asyncio.sleep(_LOOK_S)
            fraction = min((read_bytes(self._pid) - n_start) / self._n_bytes, _NEARLY)
            if fraction > self._told:
                self.take(Progress("weights", fraction))


def read_bytes(pid: int) -> int:
    """Bytes that a process read or had read for it; 0 where that can't be told."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    counts = {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}
    return max(
        counts.get("rchar", 0), counts.get("read_bytes", 0)
    )  # by calls, and from the disk: pages of mapped files


def _major_faults(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[_N_MAJOR_FAULTS])
    except (OSError, ValueError, IndexError):
        return 0
