"""The registry from its callers' side, over scripted workers: loads, places, unloads, the end."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from lsrv.errors import (
    AbortedError,
    DrainingError,
    LoadFailedError,
    LsrvError,
    ModelDisabledError,
    ModelNotFoundError,
    QueueFullError,
    RequestError,
    WeightsNotFoundError,
)
from lsrv.protocol.commands import Detokenize, Embed, Generate, Tokenize
from lsrv.protocol.events import Accepted, Delta, Finished
from lsrv.registry import Registry
from tests.registry.conftest import SHORT_STOP, ScriptedModels, until, worker_pids

pytestmark = pytest.mark.anyio

HELLO = Generate(request_id=0, prompt="hello")
LONG = Generate(request_id=0, prompt="long", max_tokens=10_000)


async def text(registry: Registry, model: str | None, command: Generate = HELLO) -> str:
    async with registry.acquire(model) as lease, lease.generate(command) as stream:
        return "".join([event.text async for event in stream if not isinstance(event, Accepted)])


async def test_a_request_loads_the_model_and_is_answered(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        assert registry.view("a").status == "unloaded"
        assert await text(registry, "a") == "xxxxx"
        await until(lambda: registry.view("a").n_running == 0)
        view = registry.view("a")
    assert (view.status, view.endpoint_status, view.n_loads) == ("loaded", "ready", 1)
    assert view.weights is not None and view.weights.quantization == "F16"
    assert view.rss_bytes > 0
    assert [event.kind for event in scripted.events] == ["loading", "progress", "loaded", "unloaded"]
    assert scripted.statuses == ["a reloading", "a loaded", "a unloaded"]


async def test_requests_that_come_together_share_one_load(scripted: ScriptedModels) -> None:
    async with scripted.registry("slow") as registry:
        assert await asyncio.gather(*(text(registry, "slow") for _ in range(8))) == ["xxxxx"] * 8
        assert registry.view("slow").n_loads == 1


async def test_a_stream_ends_once_after_everything_it_carries(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, registry.acquire("a") as lease, lease.generate(HELLO) as stream:
        events = [event async for event in stream]
        assert [type(event) for event in events] == [Accepted, *[Delta] * 5, Finished]
        assert await stream.next_batch() == []


async def test_a_batch_holds_all_that_waits(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, registry.acquire("a") as lease, lease.generate(HELLO) as stream:
        await until(lambda: stream.n_queued == 7)
        assert len(await stream.next_batch()) == 7


async def test_a_refused_request_raises_what_the_worker_says(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        with pytest.raises(RequestError, match="refused") as caught:
            await text(registry, "a", Generate(request_id=0, prompt="refuse"))
        assert caught.value.param == "prompt"


async def test_single_answers_come_back(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, registry.acquire("a") as lease:
        assert (await lease.tokenize(Tokenize(request_id=0, text="ab"))).tokens == [1, 2]
        assert (await lease.detokenize(Detokenize(request_id=0, tokens=[1, 2]))).text == "ab"
        assert len((await lease.embed(Embed(request_id=0, inputs=["ab", "c"]))).vectors) == 2


async def test_a_closed_stream_frees_the_worker(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        async with registry.acquire("a") as lease, lease.generate(LONG) as stream:
            await anext(stream)
        await until(lambda: (beat := registry.view("a").heartbeat) is not None and beat.n_slots_busy == 0)
        with pytest.raises(AbortedError):
            await stream.next_batch()


async def test_names_resolve_and_the_default_is_sticky(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", "b") as registry:
        assert [registry.names.resolve(name) for name in ("b", None, "", "default")] == ["b", "a", "a", "a"]
        await registry.load("a")
        await registry.unload("a")
        assert registry.names.resolve(None) == "a"
        assert await text(registry, registry.names.resolve(None)) == "xxxxx"
        with pytest.raises(ModelNotFoundError, match="model 'c' not found; known models: a, b"):
            registry.names.resolve("c")


async def test_places_are_given_in_order_of_arrival_and_the_queue_is_bounded(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", max_concurrency=1, queue=1, alias="short") as registry:
        async with registry.acquire("a"):
            second = asyncio.create_task(text(registry, "a"))
            await until(lambda: registry.view("a").n_waiting == 1)
            with pytest.raises(QueueFullError, match="model 'short' has 1 running and 1 waiting requests") as caught:
                await text(registry, "a")
            assert caught.value.fields["retry_after_s"] == 1
        assert await second == "xxxxx"


async def test_a_waiter_who_leaves_leaves_no_trace(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", max_concurrency=1) as registry:
        async with registry.acquire("a"):
            waiter = asyncio.create_task(text(registry, "a"))
            await until(lambda: registry.view("a").n_waiting == 1)
            waiter.cancel()
            await until(lambda: registry.view("a").n_waiting == 0)
        assert await text(registry, "a") == "xxxxx"
        await until(lambda: registry.view("a").n_running == 0)


async def test_a_load_nobody_awaits_any_more_is_cancelled(scripted: ScriptedModels) -> None:
    async with scripted.registry("stuck") as registry:
        waiter = asyncio.create_task(text(registry, "stuck"))
        await until(lambda: registry.view("stuck").progress is not None)
        waiter.cancel()
        await until(lambda: registry.view("stuck").status == "unloaded" and not worker_pids())


async def test_unload_ends_the_process_and_a_request_brings_the_model_back(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        await text(registry, "a")
        assert (await registry.unload("a")).status == "unloaded"
        assert not worker_pids()
        assert (await registry.unload("a")).status == "unloaded"
        assert await text(registry, "a") == "xxxxx"
        assert (await registry.load("a")).status == "loaded"
        assert registry.view("a").n_loads == 2


async def test_unload_lets_running_requests_finish_and_new_ones_wait(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        async with registry.acquire("a") as lease, lease.generate(LONG) as stream:
            await anext(stream)
            unload = asyncio.create_task(registry.unload("a"))
            late = asyncio.create_task(text(registry, "a"))
            await until(lambda: registry.view("a").n_waiting == 1)
            assert registry.view("a").status == "reloading"
            assert isinstance(await anext(stream), Delta)
        await unload
        assert await late == "xxxxx"
        assert registry.view("a").n_loads == 2


async def test_a_forced_unload_ends_running_requests_with_an_error(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, registry.acquire("a") as lease, lease.generate(LONG) as stream:
        await anext(stream)
        assert (await registry.unload("a", force=True)).status == "unloaded"
        with pytest.raises(AbortedError, match="unloaded"):
            await stream.finished()


async def test_a_drain_that_takes_too_long_is_ended(scripted: ScriptedModels) -> None:
    async with (
        scripted.registry("a", server={"drain_timeout": 0.1}) as registry,
        registry.acquire("a") as lease,
        lease.generate(LONG) as stream,
    ):
        await anext(stream)
        assert (await registry.unload("a")).status == "unloaded"
        with pytest.raises(AbortedError, match="drain_timeout"):
            await stream.finished()


async def test_a_worker_that_ignores_stop_and_term_is_killed(scripted: ScriptedModels) -> None:
    async with scripted.registry("deaf", deadlines=SHORT_STOP) as registry:
        await registry.load("deaf")
        assert (await registry.unload("deaf")).status == "unloaded"
        assert not worker_pids()


async def test_an_idle_model_leaves_memory_after_keep_alive(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", keep_alive=0.2) as registry:
        await text(registry, "a")
        await until(lambda: registry.view("a").status == "unloaded" and not worker_pids())
        assert await text(registry, "a") == "xxxxx"


async def test_preload_loads_at_start(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", preload=True) as registry:
        await until(lambda: registry.view("a").status == "loaded")


async def test_a_load_that_fails_says_why_and_starts_no_second_worker(scripted: ScriptedModels) -> None:
    async with scripted.registry("bad") as registry:
        with pytest.raises(LoadFailedError, match=r"output\.weight") as caught:
            await text(registry, "bad")
        assert any("scripted: loading" in line for line in caught.value.fields["log"])  # type: ignore[union-attr]
        view = registry.view("bad")
        assert (view.status, view.endpoint_status) == ("error", "error")
        assert view.error is not None and view.error.code == "model_load_failed"
        await until(lambda: registry.view("bad").retry_in_s == 0.0)
        with pytest.raises(LoadFailedError):
            await text(registry, "bad")
        assert sum(event.kind == "progress" for event in scripted.events) == 1


async def test_a_replaced_file_is_tried_again(scripted: ScriptedModels) -> None:
    async with scripted.registry("bad") as registry:
        assert (await registry.load("bad")).status == "error"
        scripted.write("bad", b"other weights")
        await until(lambda: registry.view("bad").retry_in_s == 0.0)
        with pytest.raises(LoadFailedError):
            await text(registry, "bad")
        assert sum(event.kind == "progress" for event in scripted.events) == 2


async def test_a_replaced_template_is_tried_again(scripted: ScriptedModels) -> None:
    template = scripted.folder / "own.jinja"
    template.write_text("{{ one }}")
    async with scripted.registry("bad", chat_template=str(template)) as registry:
        assert (await registry.load("bad")).status == "error"
        template.write_text("{{ another }}")
        await until(lambda: registry.view("bad").retry_in_s == 0.0)
        with pytest.raises(LoadFailedError):
            await text(registry, "bad")
        assert sum(event.kind == "progress" for event in scripted.events) == 2


async def test_a_template_may_be_written_out_in_the_config(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", chat_template="{{ messages }}") as registry:
        assert (await registry.load("a")).status == "loaded"


async def test_a_missing_template_says_which(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", chat_template="/nonexistent/own.jinja") as registry:
        view = await registry.load("a")
        assert view.error is not None and "own.jinja" in view.error.message


async def test_missing_weights_are_an_error_until_they_appear(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        path = scripted.folder / "a.gguf"
        path.unlink()
        with pytest.raises(WeightsNotFoundError):
            await text(registry, "a")
        scripted.write("a")
        assert (await registry.load("a")).status == "loaded"


async def test_a_disabled_model_refuses_until_enabled(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        await registry.load("a")
        assert (await registry.disable("a")).endpoint_status == "disabled"
        with pytest.raises(ModelDisabledError):
            await text(registry, "a")
        await registry.enable("a")
        assert await text(registry, "a") == "xxxxx"


async def test_drain_refuses_new_requests_and_waits_for_running_ones(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        running = asyncio.create_task(text(registry, "a", Generate(request_id=0, prompt="long", max_tokens=20)))
        await until(lambda: registry.view("a").n_running == 1)
        drain = asyncio.create_task(registry.drain(5.0))
        await asyncio.sleep(0)
        with pytest.raises(DrainingError):
            await text(registry, "a")
        await drain
        assert await running == "x" * 20


async def test_drain_ends_what_outlasts_it(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        running = asyncio.create_task(text(registry, "a", LONG))
        await until(lambda: registry.view("a").n_running == 1)
        await registry.drain(0.1)
        with pytest.raises(DrainingError, match="stopping"):
            await running


async def test_drain_ends_with_the_load_it_waits_for(scripted: ScriptedModels) -> None:
    async with scripted.registry("slow") as registry:
        load = asyncio.create_task(registry.load("slow"))
        await until(lambda: registry.view("slow").status == "reloading")
        async with asyncio.timeout(5):
            await registry.drain(60.0)
        assert (await load).status == "loaded"


async def test_text_that_is_no_unicode_is_refused_before_the_worker_sees_it(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        with pytest.raises(RequestError, match="Unicode"):
            await text(registry, "a", Generate(request_id=0, prompt="\ud800"))
        assert await text(registry, "a") == "xxxxx"


async def test_close_in_the_middle_of_everything_leaves_nothing(scripted: ScriptedModels) -> None:
    async with contextlib.AsyncExitStack() as stack:
        registry = await stack.enter_async_context(scripted.registry("a", "slow", "stuck", server={"spare_workers": 1}))
        tasks = [asyncio.create_task(text(registry, model, LONG)) for model in ("a", "slow", "stuck")]
        await until(lambda: registry.view("a").n_running == 1)
        await stack.aclose()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, DrainingError) for outcome in outcomes), outcomes


async def test_a_spare_serves_the_next_load_and_is_replaced(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", server={"spare_workers": 1}) as registry:
        await until(lambda: len(worker_pids()) == 1)
        [spare] = worker_pids()
        view = await registry.load("a")
        assert view.pid == spare
        await until(lambda: len(worker_pids()) == 2)


async def test_the_last_lines_of_a_worker_are_kept_for_the_one_after_it(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        assert registry.logs("a") == (None, None)
        await text(registry, "a")
        present, before = registry.logs("a")
        assert present is not None and present.lines[-1].startswith("scripted: loading") and before is None
        with contextlib.suppress(LsrvError):
            await text(registry, "a", Generate(request_id=0, prompt="die"))
        await registry.unload("a")
        await text(registry, "a")
        await registry.unload("a")
        present, before = registry.logs("a")
        assert present is None and before is not None
        assert (before.lines[-1].split()[:2], before.end) == (
            ["scripted:", "loading"],
            "unloaded: its operator asked for it",
        )


async def test_the_last_words_of_a_dead_worker_are_kept(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        await registry.load("a")
        async with registry.acquire("a") as lease, lease.generate(Generate(request_id=0, prompt="die")) as stream:
            with pytest.raises(LsrvError):
                await stream.finished()
        _, before = registry.logs("a")
        assert before is not None and before.lines[-1] == "scripted: last words"
        assert "SIGABRT" in before.end
