"""Loads that wait for room, in a real registry over scripted workers. A worker takes 40 MiB beside its model."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from lsrv.errors import LsrvError, NotEnoughMemoryError
from lsrv.model_id import ModelId
from lsrv.protocol.commands import Generate
from lsrv.registry import Registry, Turn
from tests.registry.conftest import SHORT_STOP, ScriptedModels, until, worker_pids

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
ONE = {"max_loaded_models": 1}
HUNDRED = {"memory_budget": "120MiB"}  # room for one model of 60mib


async def ask(registry: Registry, model: str, *, n_tokens: int = 3, priority: int = 0) -> str:
    command = Generate(request_id=0, prompt="p", max_tokens=n_tokens)
    async with registry.acquire(model, Turn(priority=priority)) as lease, lease.generate(command) as stream:
        return "".join([event.text async for event in stream if hasattr(event, "text")])


def loaded(registry: Registry) -> list[str]:
    return [view.model_id for view in registry.views() if view.status == "loaded"]


@pytest.mark.parametrize("server", [ONE, HUNDRED], ids=["places", "bytes"])
async def test_an_idle_model_makes_room_and_the_reason_can_be_read(
    scripted: ScriptedModels, server: dict[str, object]
) -> None:
    async with scripted.registry("a+60mib", "b+60mib", server=server) as registry:
        for model in ("a+60mib", "b+60mib", "a+60mib"):
            assert await ask(registry, model) == "xxx"
            assert loaded(registry) == [model]
        reason = registry.view("b+60mib").unload_reason
        what = "memory (100.0 MiB of RAM)" if server is HUNDRED else "place (max_loaded_models)"
        assert reason == f"'a+60mib' needed its {what}"


async def test_what_fits_together_stays_together(scripted: ScriptedModels) -> None:
    async with scripted.registry("a+10mib", "b+10mib", server=HUNDRED) as registry:
        await ask(registry, "a+10mib")
        await ask(registry, "b+10mib")
        assert loaded(registry) == ["a+10mib", "b+10mib"]


async def test_what_can_never_fit_is_refused_with_the_numbers_and_evicts_nobody(scripted: ScriptedModels) -> None:
    async with scripted.registry("a+60mib", "b+1000mib", server=HUNDRED, context={"context_length": 4096}) as registry:
        await ask(registry, "a+60mib")
        with pytest.raises(NotEnoughMemoryError, match=r"needs 1.0 GiB of RAM, and there is 120.0 MiB") as caught:
            await ask(registry, "b+1000mib")
        assert caught.value.fields["needed_bytes"] == 1040 * 1024 * 1024
        assert loaded(registry) == ["a+60mib"]


async def test_who_finds_no_place_is_told_of_places_and_not_of_memory(scripted: ScriptedModels) -> None:
    context = {"context_length": 4096}
    async with scripted.registry("a+60mib", "b+60mib", server=ONE, pinned=True, context=context) as registry:
        await ask(registry, "a+60mib")
        with pytest.raises(NotEnoughMemoryError, match=r"finds no place, .* raise max_loaded_models$") as caught:
            await ask(registry, "b+60mib")
        assert caught.value.fields["needed_bytes"] == 100 * MIB


async def test_a_context_left_open_is_shortened_until_it_fits(scripted: ScriptedModels) -> None:
    async with scripted.registry("a+160mib", server=HUNDRED) as registry:
        await ask(registry, "a+160mib")
        info = registry.view("a+160mib").info
        assert info is not None and info.n_ctx_seq == 2048


@pytest.mark.parametrize(("n_others", "n_ctx_seq"), [(0, 16384), (3, 8192)])
async def test_a_context_left_open_grows_within_the_share_of_its_entry(
    scripted: ScriptedModels, n_others: int, n_ctx_seq: int
) -> None:
    others = [f"other{number}" for number in range(n_others)]
    model = "a+60mib+train65536"
    async with scripted.registry(model, *others, server={"memory_budget": "700MiB"}) as registry:
        await ask(registry, model)
        view = registry.view(model)
        assert view.info is not None and view.info.n_ctx_seq == n_ctx_seq
        assert f"{2 * n_ctx_seq} tokens would take" in view.context_because
        assert "share of one model" in view.context_because


async def test_disabled_entries_leave_their_share_to_others(scripted: ScriptedModels) -> None:
    models = ("a+60mib+train65536", "b", "c", "d")
    async with scripted.registry(*models, server={"memory_budget": "700MiB"}) as registry:
        for other in models[1:]:
            await registry.disable(ModelId(other))
        await ask(registry, models[0])
        info = registry.view(ModelId(models[0])).info
        assert info is not None and info.n_ctx_seq == 16384


async def test_a_context_that_is_set_is_left_alone(scripted: ScriptedModels) -> None:
    context = {"context_length": 5000}
    async with scripted.registry("a+60mib+train65536", context=context) as registry:
        await ask(registry, "a+60mib+train65536")
        view = registry.view("a+60mib+train65536")
        assert view.info is not None and (view.info.n_ctx_seq, view.context_because) == (5000, "")


async def test_as_many_layers_go_onto_a_gpu_as_fit(scripted: ScriptedModels) -> None:
    async with scripted.registry("a+400mib+gpu300") as registry:
        await ask(registry, "a+400mib+gpu300")
        view = registry.view("a+400mib+gpu300")
        assert view.info is not None and view.info.n_gpu_layers == 6
        assert view.place_because.startswith("6 of 10 layers on GPUs: all would take 400.0 MiB of CUDA0")


async def test_a_model_on_a_gpu_makes_room_for_another_there(scripted: ScriptedModels) -> None:
    async with scripted.registry("a+200mib+gpu300", "b+150mib+gpu300") as registry:
        await ask(registry, "a+200mib+gpu300")
        await ask(registry, "b+150mib+gpu300")
        assert loaded(registry) == ["b+150mib+gpu300"]
        assert "150.0 MiB of CUDA0" in registry.view("a+200mib+gpu300").unload_reason
        info = registry.view("b+150mib+gpu300").info
        assert info is not None and info.n_gpu_layers == -1


async def test_layers_that_are_set_are_kept_or_refused(scripted: ScriptedModels) -> None:
    device = {"gpu_layers": 8}
    context = {"context_length": 4096}
    async with scripted.registry("a+400mib+gpu300", device=device, context=context) as registry:
        with pytest.raises(NotEnoughMemoryError, match=r"320.0 MiB of CUDA0, and there is .* 270.0 MiB of CUDA0"):
            await ask(registry, "a+400mib+gpu300")


async def test_pinned_models_stay(scripted: ScriptedModels) -> None:
    async with scripted.registry("a+60mib", "b+60mib", server=HUNDRED, pinned=True) as registry:
        await ask(registry, "a+60mib")
        with pytest.raises(NotEnoughMemoryError, match="beside pinned models"):
            await ask(registry, "b+60mib")
        assert loaded(registry) == ["a+60mib"]
        await registry.unload("a+60mib")
        assert await ask(registry, "b+60mib") == "xxx", "room was made: nobody waits until the refusal is forgotten"


async def test_a_busy_model_is_swapped_after_the_patience_and_everybody_is_answered(
    scripted: ScriptedModels,
) -> None:
    server = ONE | {"swap_patience": 0.3}
    async with scripted.registry("a", "b", server=server) as registry:
        first = asyncio.create_task(ask(registry, "a", n_tokens=250))  # so that "b" has a worker by then
        await until(lambda: registry.view("a").n_running == 1)
        second = asyncio.create_task(ask(registry, "b"))
        await until(lambda: registry.view("b").n_waiting == 1 and registry.view("a").is_held)
        third = asyncio.create_task(ask(registry, "a"))
        assert await second == "xxx"
        assert first.done() and not third.done(), "what ran is finished first; what came after the patience waits"
        assert await third == "xxx"


async def test_the_model_of_a_high_request_gets_the_memory_before_one_that_waited_longer(
    scripted: ScriptedModels,
) -> None:
    ended: list[str] = []

    async def note(model: str, priority: int) -> None:
        await ask(registry, model, priority=priority)
        ended.append(model)

    async with scripted.registry("a", "b", "c", server=ONE) as registry:
        asking: list[asyncio.Task[None]] = []
        async with registry.acquire("a"):
            for model, priority in (("b", 0), ("c", 1)):
                asking.append(asyncio.create_task(note(model, priority)))
                await until(lambda model=model: registry.standing(model, Turn()).holders is not None)
        await asyncio.gather(*asking)
    assert ended == ["c", "b"]


async def test_models_that_take_turns_leave_their_workers_to_each_other(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b", server=ONE | {"spare_workers": 1}) as registry:
        pids: dict[str, list[int | None]] = {"a": [], "b": []}
        for model in "ababab":
            assert await ask(registry, model) == "xxx"
            pids[model].append(registry.view(model).pid)
        assert len(set(pids["a"])) == len(set(pids["b"])) == 1, "a process was started for a swap"
        assert pids["a"] != pids["b"]
        assert "scripted" in "".join(registry.view("b").log_tail)
        assert f"{scripted.folder}/a.gguf" not in "".join(registry.view("b").log_tail)


@pytest.mark.parametrize("bad", ["hoarding", "deaf", "die_at_unload"])
async def test_a_worker_that_does_not_give_its_memory_back_has_to_go(scripted: ScriptedModels, bad: str) -> None:
    async with scripted.registry("a", bad, server=ONE | {"spare_workers": 1}, deadlines=SHORT_STOP) as registry:
        await ask(registry, bad)
        pid = registry.view(bad).pid
        assert pid is not None
        assert await ask(registry, "a") == "xxx"
        assert pid not in worker_pids()
        assert registry.view(bad).n_crashes == 0
        assert await ask(registry, bad) == "xxx"


async def test_an_operator_is_told_of_the_load_even_if_others_take_the_room_at_once(
    scripted: ScriptedModels,
) -> None:
    async with scripted.registry("a", "b", "c", server=ONE | {"swap_patience": "0s"}) as registry:
        async with registry.acquire("a"):
            load = asyncio.create_task(registry.load("b"))
            await until(lambda: registry.view("b").status == "reloading")
            waiter = asyncio.create_task(ask(registry, "c"))
            await until(lambda: registry.view("c").n_waiting == 1)
        assert (await load).status == "loaded"
        assert await waiter == "xxx"


async def test_nobody_is_pressed_for_a_waiter_who_has_left(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b", server=ONE | {"swap_patience": 0.05}) as registry:
        first = asyncio.create_task(ask(registry, "a", n_tokens=100_000))
        await until(lambda: registry.view("a").n_running == 1)
        second = asyncio.create_task(ask(registry, "b"))
        await until(lambda: registry.view("a").is_held)
        second.cancel()
        await until(lambda: not registry.view("a").is_held)
        assert await ask(registry, "a") == "xxx"
        assert (loaded(registry), registry.view("b").n_loads) == (["a"], 0)
        first.cancel()


async def test_a_plan_that_lies_is_told_and_the_budget_counts_what_is_really_taken(
    scripted: ScriptedModels, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted.registry("hoarding+10mib", "b+10mib", server={"memory_budget": "160MiB"}) as registry:
        await ask(registry, "hoarding+10mib")
        assert await ask(registry, "b+10mib") == "xxx"
        assert loaded(registry) == ["b+10mib"], "by their plans both would have fitted"
    (told,) = [record for record in caplog.records if "more memory than planned" in record.message]
    assert told.__dict__["planned"] == "50.0 MiB of RAM"


@pytest.mark.parametrize("bad", ["bad", "die_at_load"])
async def test_a_load_that_fails_half_way_gives_its_memory_back(scripted: ScriptedModels, bad: str) -> None:
    async with scripted.registry(f"{bad}+60mib", "b+60mib", server=HUNDRED) as registry:
        with pytest.raises(LsrvError):
            await ask(registry, f"{bad}+60mib")
        assert registry.memory().promised_bytes == {}
        assert await ask(registry, "b+60mib") == "xxx"


async def test_memory_that_another_program_takes_meanwhile_is_not_promised(
    scripted: ScriptedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, context = ("a+60mib", "b+60mib", "c+60mib", "d+300mib"), {"context_length": 4096}
    async with scripted.registry(*models, context=context) as registry:
        await ask(registry, "a+60mib")
        await ask(registry, "b+60mib")
        memory = psutil.virtual_memory()._replace(available=512 * MIB + 150 * MIB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        assert await ask(registry, "c+60mib") == "xxx"
        assert loaded(registry) == ["c+60mib"], "with 100 MiB each only one still fits"
        with pytest.raises(NotEnoughMemoryError, match="end other programs"):
            await ask(registry, "d+300mib")
        assert loaded(registry) == ["c+60mib"], "and nobody leaves in vain"


@pytest.mark.parametrize("server", [ONE, HUNDRED], ids=["places", "bytes"])
async def test_preloads_that_find_no_room_give_up_and_evict_nobody(
    scripted: ScriptedModels, server: dict[str, object]
) -> None:
    models = ("a+60mib", "b+60mib", "c+60mib")
    async with scripted.registry(*models, server=server, preload=True) as registry:
        await until(lambda: not any(view.is_preload_due for view in registry.views()))
        (first,) = loaded(registry)
        others = [view for view in registry.views() if view.model_id != first]
        assert [(view.status, view.n_loads) for view in others] == [("unloaded", 0)] * 2
        assert all("its preload found no" in view.preload_gave_up == view.unload_reason for view in others)
        assert [view.n_unloads["no_room"] for view in others] == [1, 1]
        assert registry.view(ModelId(first)).n_unloads["evicted"] == 0
        other = others[0].model_id
        assert await ask(registry, other) == "xxx", "a request makes room"
        assert loaded(registry) == [other] and registry.view(other).preload_gave_up == ""


async def test_a_preload_that_a_request_waits_for_makes_room_like_any_other_load(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b", server=ONE, preload=True) as registry:
        answers = await asyncio.gather(ask(registry, "a"), ask(registry, "b"))
        assert answers == ["xxx", "xxx"]
