"""Work for when nobody needs the machine: who comes ends it, and nobody makes room for it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from lsrv.registry import Registry, Turn
from tests.registry.conftest import ScriptedModels, until

pytestmark = pytest.mark.anyio

TWO = {"max_loaded_models": 2}


async def use(registry: Registry, model: str, *, is_copy: bool = False) -> str:
    async with registry.acquire(model, Turn(is_copy=is_copy)):
        return "served"


async def hold(registry: Registry, model: str) -> None:
    """As a copy, until it is cancelled."""
    async with registry.acquire(model, Turn(is_copy=True)):
        await asyncio.Event().wait()


async def end_of(work: asyncio.Task[None]) -> None:
    async with asyncio.timeout(5):
        return await work


def loaded(registry: Registry) -> list[str]:
    return [view.model_id for view in registry.views() if view.status == "loaded"]


async def test_work_is_done_while_nobody_needs_the_machine(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        assert await registry.idle_work.run(lambda: use(registry, "a", is_copy=True)) == "served"
        async with registry.acquire("a"):
            assert await registry.idle_work.run(lambda: use(registry, "a", is_copy=True)) is None
        await until(lambda: registry.idle_work.is_now)
        assert await registry.idle_work.run(lambda: use(registry, "a", is_copy=True)) == "served"


async def test_there_is_one_work_at_a_time(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(registry.idle_work.run(lambda: use(registry, "a", is_copy=True)))
        await asyncio.sleep(0)
        assert await registry.idle_work.run(lambda: use(registry, "a", is_copy=True)) is None
        assert await first == "served"


async def test_who_comes_ends_it(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b") as registry, asyncio.TaskGroup() as tasks:
        for comes in ("a", "b"):
            work = tasks.create_task(registry.idle_work.run(lambda: hold(registry, "a")))
            await until(lambda: registry.view("a").n_running == 1)
            assert await use(registry, comes) == "served"
            assert await end_of(work) is None
            await until(lambda: registry.idle_work.is_now)


async def test_an_operator_ends_it(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, asyncio.TaskGroup() as tasks:
        work = tasks.create_task(registry.idle_work.run(lambda: hold(registry, "a")))
        await until(lambda: registry.view("a").n_running == 1)
        assert (await registry.unload("a")).status == "unloaded"
        assert await end_of(work) is None


async def test_a_drain_ends_it_for_good(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, asyncio.TaskGroup() as tasks:
        work = tasks.create_task(registry.idle_work.run(lambda: hold(registry, "a")))
        await until(lambda: registry.view("a").n_running == 1)
        await registry.drain(timeout_s=5.0)
        assert await end_of(work) is None and not registry.idle_work.is_now


async def test_a_copy_waits_for_room_that_nobody_has_to_leave(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b", "c", server=TWO) as registry, AsyncExitStack() as stack:
        await use(registry, "a")
        await use(registry, "b")
        work = asyncio.create_task(hold(registry, "c"))
        stack.callback(work.cancel)
        await until(lambda: registry.standing("c", Turn()).holders is not None)  # it waits for room
        assert await use(registry, "a") == "served"
        assert (loaded(registry), registry.view("c").n_running) == (["a", "b"], 0)
        await registry.unload("b")
        await until(lambda: registry.view("c").n_running == 1)
        assert loaded(registry) == ["a", "c"]


async def test_the_model_of_a_running_copy_leaves_first_and_at_once(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b", "c", server=TWO) as registry, asyncio.TaskGroup() as tasks:
        await use(registry, "a")
        await until(lambda: registry.idle_work.is_now)
        work = tasks.create_task(registry.idle_work.run(lambda: hold(registry, "b")))
        await until(lambda: registry.view("b").n_running == 1)
        assert await use(registry, "c") == "served"
        assert await end_of(work) is None
        assert loaded(registry) == ["a", "c"]


async def test_the_model_of_a_copy_that_has_not_ended_yet_is_waited_for(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b", "c", server=TWO) as registry, asyncio.TaskGroup() as tasks:
        await use(registry, "a")
        copy = tasks.create_task(hold(registry, "b"))
        await until(lambda: registry.view("b").n_running == 1)
        request = tasks.create_task(use(registry, "c"))
        await until(lambda: registry.standing("c", Turn()).holders is not None)
        copy.cancel()
        assert await request == "served"
        assert loaded(registry) == ["a", "c"]
