from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from lsrv.registry.memory.machine import Machine, machine_memory, memory_limit_bytes

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/outer/inner\n")
    (tmp_path / "cgroup" / "outer" / "inner").mkdir(parents=True)
    return Machine(tmp_path / "proc", tmp_path / "cgroup")


def limit(folder: Path, limit_bytes: str, used_bytes: int = 0, cache_bytes: int = 0) -> None:
    (folder / "memory.max").write_text(f"{limit_bytes}\n")
    (folder / "memory.current").write_text(f"{used_bytes}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cache_bytes // 2}\nactive_file {cache_bytes // 2}\n")


def test_without_a_limit_it_is_what_the_machine_has(machine: Machine) -> None:
    limit(machine.cgroups / "outer" / "inner", "max", GIB)
    total, available = machine_memory(machine)
    assert total == psutil.virtual_memory().total
    assert 0 < available <= total
    assert memory_limit_bytes(machine) is None


def test_the_tightest_group_above_this_process_binds(machine: Machine) -> None:
    limit(machine.cgroups / "outer" / "inner", str(GIB // 2), used_bytes=GIB // 4)
    limit(machine.cgroups / "outer", str(GIB // 4), used_bytes=GIB // 4 - 1000)
    assert machine_memory(machine) == (GIB // 4, 1000)
    assert memory_limit_bytes(machine) == GIB // 4


def test_page_cache_can_be_had_back_used_or_not(machine: Machine) -> None:
    limit(machine.cgroups / "outer", str(GIB // 4), used_bytes=GIB // 4, cache_bytes=5000)
    assert machine_memory(machine) == (GIB // 4, 5000)


def test_a_container_of_version_1_binds_too(machine: Machine) -> None:
    folder = machine.cgroups / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text(f"{GIB // 8}\n")
    (folder / "memory.usage_in_bytes").write_text("4096\n")
    (folder / "memory.stat").write_text("total_inactive_file 36\ntotal_active_file 60\ninactive_file 9\n")
    assert machine_memory(machine) == (GIB // 8, GIB // 8 - 4000)
