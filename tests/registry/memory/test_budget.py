"""How much memory there is for models, by the settings and by what the machine says."""

from __future__ import annotations

import pytest

from lsrv.config import ServerSettings
from lsrv.protocol.events import DeviceMemory
from lsrv.registry.memory.budget import WORKER_BYTES, Budget, shown

GIB = 1024**3


def limit(total: float, available: float, taken: float = 0, **server: object) -> float:
    budget = Budget(ServerSettings(**server), lambda: (int(total * GIB), int(available * GIB)))  # type: ignore[arg-type]
    return budget.limit(int(taken * GIB))["CPU"] / GIB


def test_auto_is_what_other_programs_leave_less_a_reserve() -> None:
    assert limit(16, 10) == 9.5
    assert limit(16, 6, taken=4) == 9.5, "what our own workers hold is ours to give again"
    assert limit(1, 0.6) == pytest.approx(0.5), "a small machine keeps a tenth"
    assert limit(16, 0.1) == 0


@pytest.mark.parametrize(("budget", "expected"), [("4GiB", 4), ("25%", 4), ("12GiB", 9.5), ("100%", 9.5)])
def test_a_setting_is_an_upper_bound_and_never_more_than_there_is(budget: str, expected: float) -> None:
    assert limit(16, 10, memory_budget=budget) == expected


def test_a_gpu_counts_with_what_is_free_and_what_our_models_hold_of_it() -> None:
    budget = Budget(ServerSettings(gpu_budget={"CUDA1": "50%"}), lambda: (16 * GIB, 10 * GIB))
    free = DeviceMemory(free_bytes=6 * GIB, total_bytes=24 * GIB)
    budget.note_devices({"CUDA0": free, "CUDA1": free}, {"CUDA0": 10 * GIB})
    limits = budget.limit(0)
    assert limits["CUDA0"] == 15 * GIB, "a GiB stays with its driver"
    assert limits["CUDA1"] == pytest.approx(2.7 * GIB, abs=1), "or a tenth"


def test_what_a_gpu_without_memory_of_its_own_holds_is_ram() -> None:
    budget = Budget(ServerSettings(), lambda: (16 * GIB, 10 * GIB))
    budget.note_devices({"MTL0": DeviceMemory(free_bytes=8 * GIB, total_bytes=12 * GIB, is_ram=True)}, {})
    assert budget.need({"CPU": 5, "MTL0": 7}) == {"CPU": 12 + WORKER_BYTES, "MTL0": 7, "models": 1}


def test_a_model_needs_its_buffers_its_process_and_a_place() -> None:
    budget = Budget(ServerSettings())
    assert budget.need({"CPU": 5, "CUDA0": 7}) == {"CPU": 5 + WORKER_BYTES, "CUDA0": 7, "models": 1}
    assert budget.limit(0)["models"] > 1_000_000
    budget.configure(ServerSettings(max_loaded_models=1))
    assert budget.limit(0)["models"] == 1
    assert shown({"CPU": 3 * GIB, "CUDA0": GIB, "models": 1}) == "3.0 GiB of RAM and 1.0 GiB of CUDA0"


def test_people_are_told_what_the_budget_is_made_of() -> None:
    budget = Budget(ServerSettings(memory_budget="75%"), lambda: (16 * GIB, 6 * GIB))
    assert budget.because(4 * GIB) == (
        "of 16.0 GiB of RAM 6.0 GiB are available, with the page cache and the weights in it; "
        '4.0 GiB are in workers of this server, and 512.0 MiB stay for others; memory_budget = "75%"'
    )
