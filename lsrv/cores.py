"""How many cores a model should compute on: the processor as a value, and the choice as a pure function of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_FULL_CAPACITY = 1024  # what Linux says of the fastest kind of core


@dataclass(frozen=True)
class Processor:
    """Logical CPUs by number. `core`: equal for those that share one; `capacity`: speed of each, 1024 for the fastest.

    `allowed`: those this process may run on. `quota`: how many of them it may keep busy on average; None: all.
    """

    core: Mapping[int, str]
    capacity: Mapping[int, int]
    allowed: frozenset[int]
    quota: float | None = None


def n_good_cores(processor: Processor) -> int:
    """Threads that compute a matrix product soonest; at least 1.

    One for each core, for hyper-threads share the units that such products keep busy. Slow cores of two kinds are left
    out, as all wait for the last thread. A quota is rounded down: who exceeds it is stopped with all its threads.
    """
    allowed = [cpu for cpu in processor.core if cpu in processor.allowed]
    capacity = {cpu: processor.capacity.get(cpu, _FULL_CAPACITY) for cpu in allowed}
    fast = [cpu for cpu in allowed if 2 * capacity[cpu] >= max(capacity.values())]
    n_cores = len({processor.core[cpu] for cpu in fast})
    n_quota = n_cores if processor.quota is None else int(processor.quota)
    return max(1, min(n_cores, n_quota))


def read_processor(sys_folder: Path = Path("/sys"), proc: Path = Path("/proc")) -> Processor:
    """The processor of this machine. Tests lay out folders of their own."""
    folders = sorted((sys_folder / "devices/system/cpu").glob("cpu[0-9]*"))
    core = {int(folder.name[3:]): _siblings(folder / "topology") for folder in folders}
    core = {cpu: siblings for cpu, siblings in core.items() if siblings}  # those switched off have no topology
    if not core:
        return _without_sysfs()
    sizes = {int(folder.name[3:]): _text(folder / "cpu_capacity") for folder in folders}
    capacity = {cpu: int(size) for cpu, size in sizes.items() if size.isdecimal()}
    performance = _numbers(_text(sys_folder / "devices/cpu_core/cpus"))  # Intel's two kinds; the other is cpu_atom
    if performance:
        capacity = {cpu: _FULL_CAPACITY if cpu in performance else 0 for cpu in core}
    allowed = frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset(core)
    return Processor(core, capacity, allowed, _quota(sys_folder / "fs/cgroup", proc))


def _siblings(topology: Path) -> str:
    """The CPUs of one core, this one among them; kernels before 5.10 have the older name only."""
    return _text(topology / "core_cpus_list") or _text(topology / "thread_siblings_list")


def _without_sysfs() -> Processor:
    """macOS, whose processors name their fast cores and bind no process to any; and whatever psutil knows."""
    n_cores = _fast_cores_of_macos() or psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return Processor({cpu: str(cpu) for cpu in range(n_cores)}, {}, frozenset(range(n_cores)))


def _fast_cores_of_macos() -> int:
    if sys.platform != "darwin":
        return 0
    command = ["sysctl", "-n", "hw.perflevel0.physicalcpu"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout.strip()
    return int(found) if found.isdecimal() else 0


def _quota(cgroups: Path, proc: Path) -> float | None:
    """CPUs that the tightest control group above this process allows, version 2 or 1."""
    limits = [
        int(words[0]) / int(words[1])
        for words in _quota_words(cgroups, proc)
        if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal()
    ]
    return min(limits, default=None)


def _quota_words(cgroups: Path, proc: Path) -> Iterator[list[str]]:
    own = next((line[4:] for line in _text(proc / "self/cgroup").splitlines() if line.startswith("0::/")), "")
    group = cgroups / own
    for folder in (group, *group.parents):
        if folder.is_relative_to(cgroups):
            yield _text(folder / "cpu.max").split()
    old = cgroups / "cpu"
    yield [_text(old / "cpu.cfs_quota_us"), _text(old / "cpu.cfs_period_us")]


def _numbers(text: str) -> set[int]:
    """The numbers in a list as the kernel writes it: "0-3,8"."""
    ranges = (part.partition("-") for part in text.split(",") if part)
    return {cpu for first, _, last in ranges for cpu in range(int(first), int(last or first) + 1)}


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
