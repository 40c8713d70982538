"""Where a model lies: over plans recorded from llama.cpp, and over GPUs of every size.

`recorded.json` holds what llama.cpp 0.3.36 planned for each rung of the ladder; an RPC server stood in for the GPU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, MemoryUse
from lsrv.registry.memory.fitting.layers import FOOT, Ladder, fill, highest_fitting, next_rung
from tests.registry.memory.fitting.machine import Machine, Shape
from tests.registry.memory.fitting.plans import MIB, bounds

pytestmark = pytest.mark.anyio

RECORDED = json.loads(Path(__file__).with_name("recorded.json").read_text())
PARAMS = LoadParams(model_path="m.gguf")
WHOLE = 32 * (100 + 8) + 300 + 200  # Shape() with 4096 tokens, on one GPU


def climbed(rungs: list[Mapping[str, int]], gpu_bytes: int) -> tuple[int, int]:
    """The rung that the search ends at, and how many plans it took."""
    limits = bounds({"CPU": 1 << 60, "CUDA0": gpu_bytes})
    fills: dict[int, float] = {}
    rung: int | None = len(rungs) - 1
    while rung is not None:
        memory = MemoryUse(weights_bytes=0, kv_bytes=0, compute_bytes=0, output_bytes=0, by_device=dict(rungs[rung]))
        fills[rung] = fill(ContextPlan(4096, 4, memory), limits)
        rung = next_rung(fills, len(rungs) - 1)
    return highest_fitting(fills), len(fills)


@pytest.mark.parametrize("name", RECORDED)
def test_the_search_ends_at_the_highest_rung_that_fits_after_a_few_plans(name: str) -> None:
    rungs = RECORDED[name]["rungs"]
    assert len(rungs) == Ladder(RECORDED[name]["n_layers"], RECORDED[name]["has_experts"]).top + 1
    full = rungs[-1]["CUDA0"]
    for percent in range(0, 111, 3):
        found, n_plans = climbed(rungs, full * percent // 100)
        fitting = [rung for rung, held in enumerate(rungs) if held["CUDA0"] <= full * percent // 100]
        assert found == fitting[-1]
        assert n_plans <= 6


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200), st.integers(0, 50_000))
def test_the_search_is_right_and_bounded_for_layers_of_any_sizes(sizes: list[int], gpu_bytes: int) -> None:
    rungs = [{"CUDA0": sum(sizes[:n])} for n in range(len(sizes) + 1)]
    found, n_plans = climbed(rungs, gpu_bytes)
    assert found == max(rung for rung, held in enumerate(rungs) if held["CUDA0"] <= gpu_bytes or rung == FOOT)
    assert n_plans <= 16


def test_the_foot_of_the_ladder_uses_no_gpu_and_the_top_has_everything_there() -> None:
    dense, mixed = Ladder(32, has_experts=False), Ladder(32, has_experts=True)
    foot = dense.params(PARAMS, FOOT)
    assert (foot.n_gpu_layers, foot.split_mode, foot.main_gpu) == (0, "none", -1)
    for ladder in (dense, mixed):
        top = ladder.params(PARAMS, ladder.top)
        assert (top.n_gpu_layers, top.n_cpu_moe) == (-1, 0)


def test_experts_come_last_onto_a_gpu() -> None:
    ladder = Ladder(32, has_experts=True)
    steps = [ladder.params(PARAMS, rung) for rung in (1, 32, 33, 34, 64)]
    assert [(step.n_gpu_layers, step.n_cpu_moe) for step in steps] == [(1, 32), (32, 32), (-1, 32), (-1, 31), (-1, 1)]
    assert ladder.shown(40) == "all layers, the experts of 7 of 32"


async def test_without_a_gpu_nothing_is_placed_and_one_question_is_enough() -> None:
    machine = Machine({})
    fitted = await machine.fit()
    assert (fitted.params.n_gpu_layers, fitted.place_because, len(machine.asked)) == (
        -1,
        "no GPU that llama.cpp can use: all of it is on the CPU",
        1,
    )


async def test_what_fits_lies_on_the_gpu_whole_and_its_context_grows_there() -> None:
    fitted = await Machine(mib_of(CUDA0=24_000)).fit()
    assert (fitted.params.n_gpu_layers, fitted.place_because) == (-1, "all layers on CUDA0")
    assert fitted.params.n_ctx_seq == 32768


async def test_metal_is_a_gpu_like_others() -> None:
    assert (await Machine(mib_of(MTL0=24_000)).fit()).place_because == "all layers on MTL0"


async def test_layers_stay_on_the_gpu_before_the_context_grows() -> None:
    fitted = await Machine(mib_of(CUDA0=WHOLE + 10)).fit()
    assert (fitted.params.n_gpu_layers, fitted.params.n_ctx_seq) == (-1, 4096)


async def test_a_small_gpu_gets_as_many_layers_as_fit() -> None:
    machine = Machine(mib_of(CUDA0=2000))
    fitted = await machine.fit()
    assert fitted.params.n_gpu_layers == 1 + (2000 - 200 - 300) // 108
    assert fitted.params.n_ctx_seq == 4096
    assert fitted.place_because == (
        "14 of 33 layers on GPUs: all would take 3.9 GiB of CUDA0, and there is 2.0 GiB of CUDA0"
    )
    assert len(machine.asked) <= 6


async def test_experts_stay_in_ram_where_all_else_fits() -> None:
    shape = Shape(block=20, experts=500)
    fitted = await Machine(mib_of(CUDA0=6000), shape=shape).fit()
    n_in_ram = fitted.params.n_cpu_moe
    assert (fitted.params.n_gpu_layers, n_in_ram) == (-1, 32 - (6000 - 32 * 28 - 500) // 500)


@pytest.mark.parametrize("gpus", [{"CUDA0": 100}, {"CUDA0": 0, "CUDA1": 0}], ids=str)
async def test_gpus_without_room_are_left_alone(gpus: dict[str, int]) -> None:
    fitted = await Machine(gpus).fit()
    assert (fitted.params.split_mode, fitted.params.main_gpu) == ("none", -1)
    assert fitted.plan.memory.by_device.keys() == {"CPU"}


async def test_of_several_gpus_the_emptiest_holds_a_model_alone() -> None:
    gpus = mib_of(CUDA0=8000, CUDA1=8000)
    fitted = await Machine(gpus, free=mib_of(CUDA0=1000)).fit()
    assert (fitted.params.split_mode, fitted.params.main_gpu) == ("none", 1)
    assert fitted.place_because == "all layers on CUDA1"


async def test_several_gpus_share_what_is_too_large_for_each() -> None:
    fitted = await Machine(mib_of(CUDA0=3000, CUDA1=1800)).fit()
    assert fitted.params.split_mode == "layer"
    assert fitted.params.tensor_split[0] > fitted.params.tensor_split[1] > 0
    assert fitted.place_because == "all layers on CUDA0 and CUDA1"


async def test_shares_are_corrected_for_what_lies_beside_the_layers() -> None:
    shape = Shape(output=1500)
    fitted = await Machine(mib_of(CUDA0=2600, CUDA1=3200), shape=shape).fit()
    assert fitted.params.n_gpu_layers == -1, "by the sizes alone CUDA1 would get 18 layers and the output"
    held = fitted.plan.memory.by_device
    assert held["CUDA0"] <= 2600 * MIB and held["CUDA1"] <= 3200 * MIB


async def test_what_settings_say_of_gpus_is_kept() -> None:
    gpus = mib_of(CUDA0=8000, CUDA1=8000)
    assert (await Machine(gpus).fit(tensor_split=[3.0, 1.0])).params.tensor_split == [3.0, 1.0]
    lone = (await Machine(gpus).fit(split_mode="none", main_gpu=0)).params
    assert (lone.split_mode, lone.main_gpu, lone.tensor_split) == ("none", 0, [])


async def test_where_ram_is_short_too_the_context_is_shortened() -> None:
    fitted = await Machine(mib_of(CUDA0=1500), ram=2600).fit()
    assert fitted.params.n_ctx_seq == 1024
    assert fitted.plan.memory.by_device["CPU"] <= (2600 - 40) * MIB


async def test_room_for_prompts_is_part_of_the_plan_and_no_more_is_taken() -> None:
    plain, storing = Machine({}, ram=4300), Machine({}, ram=4300, shape=Shape(store=400))
    assert (await plain.fit()).params.n_ctx_seq == 4096
    fitted = await storing.fit()
    assert (fitted.params.n_ctx_seq, fitted.params.cache_ram_bytes) == (2048, 400 * MIB)


async def test_room_for_prompts_gives_way_before_a_model_is_refused() -> None:
    machine = Machine({}, ram=4300, shape=Shape(store=400))
    fitted = await machine.fit(n_ctx_seq=4096)
    assert 0 < fitted.plan.store_bytes < 400 * MIB
    assert machine.bounds().need(fitted.plan) == {"CPU": 4300 * MIB}
    assert fitted.params.cache_ram_bytes == fitted.plan.store_bytes
    as_said = await machine.fit(n_ctx_seq=4096, cache_ram_bytes=400 * MIB)
    assert not machine.bounds().can_hold(as_said.plan)
    hopeless = await Machine({}, ram=3000, shape=Shape(store=400)).fit()
    assert (hopeless.params.n_ctx_seq, hopeless.plan.store_bytes) == (512, 0)


async def test_a_context_that_is_set_is_kept_and_layers_give_way() -> None:
    fitted = await Machine(mib_of(CUDA0=4000)).fit(n_ctx_seq=32768)
    assert (fitted.params.n_ctx_seq, fitted.params.n_gpu_layers) == (32768, 1 + (4000 - 500) // 164)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 6000), min_size=1, max_size=4),
    st.integers(2000, 20_000),
    st.integers(0, 400),
    st.integers(0, 3000),
)
async def test_whatever_the_machine_it_fits_if_it_does_without_gpus(
    sizes: list[int], ram: int, experts: int, output: int
) -> None:
    gpus = {f"CUDA{index}": size for index, size in enumerate(sizes)}
    machine = Machine(gpus, ram=ram, shape=Shape(experts=experts, output=output))
    fitted = await machine.fit()
    limits = machine.bounds()
    without = machine._plan(Ladder(32, experts > 0).params(fitted.params, FOOT), 512)
    assert limits.can_hold(fitted.plan) >= limits.can_hold(without)
    assert len(machine.asked) <= 20


def mib_of(**gpus: int) -> dict[str, int]:
    return gpus
