"""How much memory models may use, and the numbers in which it is counted: RAM, and places."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import psutil

from lsrv.config import ServerSettings
from lsrv.registry.room import Memory
from lsrv.units import parse_size, size

WORKER_BYTES = 40 * 1024 * 1024  # what a worker takes beside the model: interpreter, llama.cpp, vocabulary
_RESERVE_BYTES = 512 * 1024 * 1024  # for this process and everybody else: never promised to models
_UNLIMITED = sys.maxsize


def machine_memory() -> tuple[int, int]:
    """(total, available) bytes of RAM."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available


def anonymous_bytes(pid: int) -> int:
    """Resident memory of a process that no file backs; 0 once it is gone."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return max(0, memory.rss - getattr(memory, "shared", 0))  # macOS does not tell shared from private


class Budget:
    """The limits of [server]. `read` gives (total, available) bytes of RAM, of this machine or its control group."""

    def __init__(self, server: ServerSettings, read: Callable[[], tuple[int, int]] = machine_memory) -> None:
        self._spec = server.memory_budget
        self._n_places = server.max_loaded_models or _UNLIMITED
        self._read = read

    def limit(self, taken_bytes: int) -> Memory:
        """All that may be promised now, where our own workers hold `taken_bytes` that are not in files.

        Whatever the setting says, no more than others leave: a budget that another program has eaten is none.
        """
        total, available = self._read()
        left = max(0, available + taken_bytes - _RESERVE_BYTES)
        return (min(left, self._wanted(total)), self._n_places)

    def need(self, by_device: Mapping[str, int]) -> Memory:
        """What a model takes whose buffers are `by_device`, in bytes."""
        return (WORKER_BYTES + sum(by_device.values()), 1)

    def shown(self, memory: Memory) -> str:
        """For people: "3.1 GiB of RAM"."""
        return f"{size(memory[0])} of RAM"

    def _wanted(self, total: int) -> int:
        if self._spec == "auto":
            return total
        if self._spec.endswith("%"):
            return int(total * float(self._spec[:-1]) / 100)
        return parse_size(self._spec)
