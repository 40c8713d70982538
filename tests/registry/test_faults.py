"""Workers that die, hang and lie, over scripted workers: one model's trouble, with an end for every request."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from lsrv.errors import CrashedError, LsrvError, StartFailedError, UnresponsiveError
from lsrv.protocol.commands import Generate, Tokenize
from lsrv.protocol.events import Accepted
from lsrv.registry import Registry, read_cpu_faults
from tests.registry.conftest import SCRIPTED_WORKER, SHORT_SILENCE, ScriptedModels, until, worker_pids
from tests.registry.test_registry import HELLO, LONG, text

pytestmark = pytest.mark.anyio


def prompt(word: str) -> Generate:
    return Generate(request_id=0, prompt=word)


def kill(registry: Registry, model: str, number: int = signal.SIGKILL) -> None:
    pid = registry.view(model).pid
    assert pid is not None
    os.kill(pid, number)


async def test_a_death_mid_stream_names_the_signal_and_touches_no_other_model(scripted: ScriptedModels) -> None:
    async with (
        scripted.registry("a", "b") as registry,
        registry.acquire("a") as lease,
        lease.generate(LONG) as stream,
        registry.acquire("b") as other_lease,
        other_lease.generate(Generate(request_id=0, prompt="long", max_tokens=30)) as other,
    ):
        await anext(stream)
        kill(registry, "a")
        with pytest.raises(CrashedError, match="model 'a' died while it served by SIGKILL") as caught:
            async for _ in stream:
                pass
        assert caught.value.fields["signal"] == "SIGKILL"
        assert len([event async for event in other]) == 32
        assert registry.view("a").status == "unloaded"
        assert registry.view("a").n_crashes == 1
        assert await text(registry, "a") == "xxxxx"


async def test_a_death_before_the_first_event_is_retried_once(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        assert await text(registry, "a", prompt("die_once")) == "xxxxx"
        assert registry.view("a").n_crashes == 1
        await until(lambda: registry.view("a").n_running == 0)


async def test_a_request_that_kills_every_worker_is_not_tried_a_third_time(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        with pytest.raises(CrashedError, match="SIGABRT") as caught:
            await text(registry, "a", prompt("die"))
        assert "scripted: last words" in caught.value.fields["log"]  # type: ignore[operator]
        await until(lambda: registry.view("a").n_crashes == 2)


async def test_an_idle_workers_death_is_noticed(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        await registry.load("a")
        kill(registry, "a")
        await until(lambda: registry.view("a").status == "unloaded")
        assert await text(registry, "a") == "xxxxx"


async def test_single_answers_survive_a_death_between(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry, registry.acquire("a") as lease:
        kill(registry, "a")
        assert (await lease.tokenize(Tokenize(request_id=0, text="ab"))).tokens == [1, 2]


async def test_a_worker_that_hangs_is_killed(scripted: ScriptedModels) -> None:
    async with scripted.registry("a", deadlines=SHORT_SILENCE) as registry:
        with pytest.raises(UnresponsiveError, match="silent for 1 s"):
            await text(registry, "a", prompt("hang"))
        assert await text(registry, "a") == "xxxxx"


async def test_an_idle_worker_that_stops_beating_is_killed(scripted: ScriptedModels) -> None:
    async with scripted.registry("mute", deadlines=SHORT_SILENCE) as registry:
        await registry.load("mute")
        await until(lambda: registry.view("mute").n_crashes == 1)


async def test_a_worker_that_talks_nonsense_is_killed(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        with pytest.raises(UnresponsiveError, match="no frame"):
            await text(registry, "a", prompt("nonsense"))


async def test_three_deaths_while_loading_are_enough(scripted: ScriptedModels) -> None:
    async with scripted.registry("die_at_load") as registry:
        with pytest.raises(CrashedError, match="died while it loaded by SIGKILL") as caught:
            await text(registry, "die_at_load")
        assert caught.value.fields["retry_after_s"] == 10
        assert sum(event.kind == "failed" for event in scripted.events) == 3
        view = registry.view("die_at_load")
        assert view.status == "error"
        assert view.retry_in_s is not None and view.retry_in_s > 8
        assert "scripted: last words" in view.log_tail
        with pytest.raises(CrashedError):
            await text(registry, "die_at_load")
        assert sum(event.kind == "failed" for event in scripted.events) == 3


async def test_a_load_that_hangs_is_ended(scripted: ScriptedModels) -> None:
    async with scripted.registry("stuck", deadlines=SHORT_SILENCE) as registry:
        with pytest.raises(UnresponsiveError):
            await text(registry, "stuck")


@pytest.mark.skipif(sys.platform != "linux", reason="what is read for a process is told on Linux")
async def test_a_silent_load_lives_and_gets_on_as_long_as_something_is_read_for_it(scripted: ScriptedModels) -> None:
    async with scripted.registry("reading", deadlines=SHORT_SILENCE) as registry:
        scripted.write("reading", b"w" * 100_000)
        assert await text(registry, "reading") == "xxxxx"
    told = [event.progress.fraction for event in scripted.events if event.kind == "progress" and event.progress]
    assert told == sorted(told)
    assert told[-1] == 0.99


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((*SCRIPTED_WORKER, "--fault", "die_at_start"), "exit code 3"),
        (("/nonexistent/python",), "can't start"),
    ],
)
async def test_workers_that_never_start_are_an_error(
    scripted: ScriptedModels, command: tuple[str, ...], words: str
) -> None:
    async with scripted.registry("a", command=command, server={"spare_workers": 1}) as registry:
        with pytest.raises(StartFailedError, match=words):
            await text(registry, "a")
        assert registry.view("a").status == "error"


async def test_a_processor_fault_is_healed_once_and_remembered(scripted: ScriptedModels) -> None:
    async with scripted.registry("amx") as registry:
        view = await registry.load("amx")
        assert view.info is not None and not view.info.use_extra_bufts
        [verdict] = read_cpu_faults(scripted.cpu_faults_file)
        assert (verdict.signal, verdict.llama_cpp_version) == ("SIGSEGV", "scripted-1")
    scripted.events.clear()
    async with scripted.registry("amx") as registry:
        await registry.load("amx")
        assert [event.kind for event in scripted.events] == ["loading", "progress", "loaded"]


async def test_every_request_ends_when_workers_are_killed_at_random(scripted: ScriptedModels) -> None:
    async def ask(model: str) -> str | LsrvError:
        try:
            return await text(registry, model, HELLO)
        except LsrvError as error:
            return error

    async with scripted.registry("a", "b") as registry:
        await asyncio.gather(registry.load("a"), registry.load("b"))
        asked = [asyncio.create_task(ask("ab"[n % 2])) for n in range(20)]
        await asyncio.sleep(0.03)
        kill(registry, "a")
        async with asyncio.timeout(10):
            outcomes = await asyncio.gather(*asked)
    assert all(outcome == "xxxxx" or isinstance(outcome, CrashedError) for outcome in outcomes)
    assert outcomes[1::2] == ["xxxxx"] * 10


async def test_a_stalled_reader_is_aborted(scripted: ScriptedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsrv.registry.workers.stream._MAX_QUEUED_EVENTS", 20)
    async with scripted.registry("a") as registry, registry.acquire("a") as lease, lease.generate(LONG) as stream:
        assert isinstance(await anext(stream), Accepted)
        await until(lambda: stream.n_queued == 0 and (registry.view("a").heartbeat or HELLO) is not HELLO)
        with pytest.raises(LsrvError, match="20 events behind"):
            async with asyncio.timeout(5):
                while True:
                    await asyncio.sleep(0.3)
                    await stream.next_batch()


async def test_a_request_cancelled_at_any_moment_of_a_load_leaves_no_worker(scripted: ScriptedModels) -> None:
    async with scripted.registry("a") as registry:
        for moment in range(16):
            waiter = asyncio.create_task(text(registry, "a", LONG))
            await asyncio.sleep(moment * 0.01)
            waiter.cancel()
            await asyncio.wait({waiter})
            assert waiter.cancelled()
            await until(lambda: registry.view("a").n_running == 0)
            await registry.unload("a")
            await until(lambda: not worker_pids())
