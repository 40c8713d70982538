"""How much RAM this process may count on: the machine's, or less where a control group sets limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

# What a group may hold and the kernel takes back (MemAvailable counts the same of the machine). Files that are read
# again and again, as weights are, become active.
_CACHE_KEYS = ("inactive_file", "active_file", "slab_reclaimable")
_CACHE_KEYS_V1 = ("total_inactive_file", "total_active_file")


@dataclass(frozen=True)
class Machine:
    """Where the kernel says so; tests lay out folders of their own."""

    proc: Path = Path("/proc")
    cgroups: Path = Path("/sys/fs/cgroup")


def machine_memory(machine: Machine | None = None) -> tuple[int, int]:
    """(total, available) bytes: the least of the machine and of every control group above this process.

    A group's page cache counts as available, used lately or not, as it does for the machine: the kernel takes such
    pages back before it refuses memory. The weights of a model that is mapped and at work are among them.
    """
    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    for group in _groups(machine or Machine()):
        limit = _number(group.limit)
        if limit is None or limit >= memory.total:  # "max", or version 1's way to say so
            continue
        used = (_number(group.usage) or 0) - _sum(group.stat, group.cache_keys)
        total, available = min(total, limit), min(available, max(0, limit - used))
    return total, available


def memory_limit_bytes(machine: Machine | None = None) -> int | None:
    """The least memory limit of this process's control groups; None without one below the machine's RAM."""
    limits = [limit for group in _groups(machine or Machine()) if (limit := _number(group.limit)) is not None]
    return min((limit for limit in limits if limit < psutil.virtual_memory().total), default=None)


@dataclass(frozen=True)
class _Group:
    """The files of one memory control group, and what it calls page cache that can be had back."""

    limit: Path
    usage: Path
    stat: Path
    cache_keys: tuple[str, ...]


def _groups(machine: Machine) -> Iterator[_Group]:
    """This process's group and those above it: version 2, then the one of version 1 that a container shows."""
    own = next((line[4:] for line in _lines(machine.proc / "self" / "cgroup") if line.startswith("0::/")), None)
    if own is not None:
        group = machine.cgroups / own
        for folder in (group, *group.parents):
            if folder.is_relative_to(machine.cgroups):
                yield _Group(folder / "memory.max", folder / "memory.current", folder / "memory.stat", _CACHE_KEYS)
    old = machine.cgroups / "memory"
    yield _Group(old / "memory.limit_in_bytes", old / "memory.usage_in_bytes", old / "memory.stat", _CACHE_KEYS_V1)


def _number(path: Path) -> int | None:
    text = next(iter(_lines(path)), "")
    return int(text) if text.isdecimal() else None


def _sum(path: Path, keys: tuple[str, ...]) -> int:
    found = (line.split() for line in _lines(path))
    return sum(int(words[1]) for words in found if len(words) == 2 and words[0] in keys)


def _lines(path: Path) -> list[str]:
    """Empty where there is no such file: another system, or a container that hides it."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
