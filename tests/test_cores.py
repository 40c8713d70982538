"""How many threads a model gets, on machines as they describe themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lsrv.cores import Processor, n_good_cores, read_processor

EVERY = frozenset(range(512))


def smt(n_cores: int) -> dict[int, str]:
    """CPU i and CPU n + i share a core, as most servers number them."""
    return {cpu: f"{cpu % n_cores},{cpu % n_cores + n_cores}" for cpu in range(2 * n_cores)}


def each_alone(n: int) -> dict[int, str]:
    return {cpu: str(cpu) for cpu in range(n)}


# i5-12600K: six fast cores of two threads each (CPUs 0 to 11), four slow ones (12 to 15)
ALDER_LAKE = {cpu: f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}" if cpu < 12 else str(cpu) for cpu in range(16)}
MACHINES = {
    "Raspberry Pi 5": (Processor(each_alone(4), {}, EVERY), 4),
    "M2, its fast cores": (Processor(each_alone(4), {}, EVERY), 4),
    "RK3588": (Processor(each_alone(8), {cpu: 414 if cpu < 4 else 1024 for cpu in range(8)}, EVERY), 4),
    "three kinds of cores": (
        Processor(each_alone(8), dict(enumerate([325, 325, 325, 325, 840, 840, 840, 1024])), EVERY),
        4,
    ),
    "i5-12600K": (Processor(ALDER_LAKE, {cpu: 1024 if cpu < 12 else 0 for cpu in range(16)}, EVERY), 6),
    "EPYC with 64 cores": (Processor(smt(64), {}, EVERY), 64),
    "a container with 2 of 64 CPUs' time": (Processor(smt(64), {}, EVERY, quota=2.0), 2),
    "a container with 1.5 CPUs' time": (Processor(each_alone(8), {}, EVERY, quota=1.5), 1),
    "a container with half a CPU's time": (Processor(each_alone(8), {}, EVERY, quota=0.5), 1),
    "a container bound to two threads of one core": (Processor(smt(64), {}, frozenset({3, 67})), 1),
    "bound to slow cores alone": (
        Processor(ALDER_LAKE, {cpu: 1024 if cpu < 12 else 0 for cpu in range(16)}, frozenset({12, 13})),
        2,
    ),
}


@pytest.mark.parametrize("name", MACHINES)
def test_threads_are_as_many_as_there_are_good_cores(name: str) -> None:
    processor, n_cores = MACHINES[name]
    assert n_good_cores(processor) == n_cores


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Four CPUs on two cores, and one switched off."""
    for cpu in range(4):
        write(tmp_path, **{f"sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list": f"{cpu % 2},{cpu % 2 + 2}"})
    write(tmp_path, **{"sys/devices/system/cpu/cpu4/online": "0", "sys/devices/system/cpu/cpufreq/boost": "1"})
    return tmp_path


def read(machine: Path) -> Processor:
    return read_processor(machine / "sys", machine / "proc")


def test_the_kernel_says_which_threads_share_a_core(machine: Path) -> None:
    processor = read(machine)
    assert dict(processor.core) == {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}
    assert (dict(processor.capacity), processor.quota, processor.allowed) == ({}, None, os.sched_getaffinity(0))


def test_the_kernel_says_how_fast_the_cores_of_an_arm_are(machine: Path) -> None:
    write(machine, **{f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": str(1024 - 600 * (cpu % 2)) for cpu in range(4)})
    assert dict(read(machine).capacity) == {0: 1024, 1: 424, 2: 1024, 3: 424}


def test_the_kernel_says_which_cores_of_an_intel_are_fast(machine: Path) -> None:
    write(machine, **{"sys/devices/cpu_core/cpus": "0,2-3"})
    assert dict(read(machine).capacity) == {0: 1024, 1: 0, 2: 1024, 3: 1024}


def test_the_tightest_group_above_the_process_counts(machine: Path) -> None:
    write(machine, **{"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000"})
    assert read(machine).quota is None
    write(machine, **{"sys/fs/cgroup/a/cpu.max": "250000 100000", "sys/fs/cgroup/cpu.max": "400000 100000"})
    assert read(machine).quota == 2.5


def test_a_quota_of_version_1_counts_too(machine: Path) -> None:
    quota = "sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    write(machine, **{quota: "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"})
    assert read(machine).quota is None
    write(machine, **{quota: "300000"})
    assert read(machine).quota == 3


def test_a_machine_that_tells_nothing_has_at_least_a_core(tmp_path: Path) -> None:
    assert n_good_cores(read(tmp_path)) >= 1
