"""The registry over the real worker and a real model."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from lsrv.config import ModelSettings, ServerSettings, Settings
from lsrv.errors import CorruptWeightsError, CrashedError, LsrvError
from lsrv.protocol.commands import Detokenize, Generate, Sampling, Tokenize
from lsrv.protocol.events import Accepted, Delta
from lsrv.registry import WORKER_COMMAND, Deadlines, EntryView, Registry, WorkerProcess, assemble
from tests.models import STORIES
from tests.registry.conftest import until, worker_pids

pytestmark = pytest.mark.anyio

STORY = Generate(request_id=0, prompt="Once upon a time", max_tokens=16, sampling=Sampling(temperature=0.0))
LONG = Generate(request_id=0, prompt="Once upon a time", max_tokens=1500, ignore_eos=True)


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    """Entries "a" and "b", both of the demo model, and "broken", a truncated copy of it."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(STORIES.read_bytes()[:500_000])
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(STORIES.read_bytes())
    paths = {"a": STORIES, "b": copy, "broken": broken}
    models = tuple(ModelSettings(model_id=str(path), alias=(alias,)) for alias, path in paths.items())
    settings = Settings(server=ServerSettings(spare_workers=1), models=models)
    registry = assemble(settings, cpu_faults_file=tmp_path / "verdicts.json")
    await registry.start()
    yield registry
    await registry.close()
    assert not worker_pids()


def view_of(registry: Registry, alias: str) -> EntryView:
    return registry.view(registry.names.resolve(alias))


async def story(registry: Registry, model: str, command: Generate = STORY) -> str:
    async with registry.acquire(registry.names.resolve(model)) as lease, lease.generate(command) as stream:
        return "".join([event.text async for event in stream if not isinstance(event, Accepted)])


async def test_it_loads_generates_and_leaves_memory(registry: Registry) -> None:
    told = await story(registry, "a")
    assert len(told) > 20
    view = view_of(registry, "a")
    assert view.info is not None and view.info.can_generate
    assert view.pid is not None and view.rss_bytes > 10_000_000
    assert (await registry.unload(registry.names.resolve("a"))).status == "unloaded"
    assert not psutil.pid_exists(view.pid)
    assert await story(registry, "a") == told


async def test_requests_that_run_together_all_get_their_story(registry: Registry) -> None:
    told = await asyncio.gather(*(story(registry, "ab"[n % 2]) for n in range(12)))
    assert len(set(told)) == 1


async def test_the_end_of_a_silent_request_carries_the_whole_text(registry: Registry) -> None:
    silent = Generate(request_id=0, prompt=STORY.prompt, max_tokens=16, sampling=STORY.sampling, is_streaming=False)
    async with registry.acquire(registry.names.resolve("a")) as lease, lease.generate(silent) as stream:
        assert (await stream.finished()).text == await story(registry, "a")


async def test_tokens_go_there_and_back(registry: Registry) -> None:
    async with registry.acquire(registry.names.resolve("a")) as lease:
        tokens = (await lease.tokenize(Tokenize(request_id=0, text="Once upon a time"))).tokens
        assert (await lease.detokenize(Detokenize(request_id=0, tokens=tokens))).text.strip() == "Once upon a time"


async def test_a_kill_mid_stream_fails_that_stream_and_no_other(registry: Registry) -> None:
    async with registry.acquire(registry.names.resolve("a")) as lease, lease.generate(LONG) as stream:
        while not isinstance(await anext(stream), Delta):
            pass
        other = asyncio.create_task(story(registry, "b"))
        os.kill(view_of(registry, "a").pid or 0, signal.SIGKILL)
        with pytest.raises(CrashedError, match="SIGKILL"):
            async for _ in stream:
                pass
    assert await other == await story(registry, "a")


async def test_a_kill_before_any_text_was_read_goes_unnoticed(registry: Registry) -> None:
    async with registry.acquire(registry.names.resolve("a")) as lease, lease.generate(STORY) as stream:
        assert isinstance(await anext(stream), Accepted)
        os.kill(view_of(registry, "a").pid or 0, signal.SIGKILL)
        await until(lambda: view_of(registry, "a").n_crashes == 1)  # what was written until then is queued, and unread
        events = [event async for event in stream]
    assert not any(isinstance(event, Accepted) for event in events)
    assert "".join(event.text for event in events if not isinstance(event, Accepted)) == await story(registry, "a")


async def test_a_broken_file_is_an_error_of_its_own_and_starts_no_worker(registry: Registry) -> None:
    with pytest.raises(CorruptWeightsError):
        await story(registry, "broken")
    assert view_of(registry, "broken").status == "error"
    assert len(await story(registry, "a")) > 20


async def test_a_reader_who_leaves_frees_the_slot(registry: Registry) -> None:
    async with registry.acquire(registry.names.resolve("a")) as lease, lease.generate(LONG) as stream:
        await anext(stream)
    await until(lambda: (beat := view_of(registry, "a").heartbeat) is not None and beat.n_slots_busy == 0)


async def test_a_forced_unload_in_the_middle_ends_everything_with_an_error(registry: Registry) -> None:
    asked = [asyncio.create_task(story(registry, "a", LONG)) for _ in range(6)]
    await until(lambda: view_of(registry, "a").n_running == 4)
    assert (await registry.unload(registry.names.resolve("a"), force=True)).status == "unloaded"
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(outcome, LsrvError) for outcome in outcomes)


PARENT = """
import asyncio, sys
from lsrv.config import ModelSettings, Settings
from tests.models import STORIES
from lsrv.registry import assemble
from tests.registry.conftest import until, worker_pids

async def main():
    registry = assemble(Settings(models=(ModelSettings(model_id=str(STORIES)),)))
    await registry.start()
    await registry.load(str(STORIES))
    await until(lambda: len(worker_pids()) == 2)
    print(*worker_pids(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_parent_leaves_no_orphan() -> None:
    root = Path(__file__).parents[2]
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE, cwd=root)
    try:
        assert parent.stdout is not None
        pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
        assert len(pids) == 2
    finally:
        parent.kill()
        await parent.communicate()
    await until(lambda: not any(map(psutil.pid_exists, pids)))


async def test_files_of_the_current_folder_are_no_modules_of_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("numpy", "jinja2", "random", "llama_cpp", "llguidance"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    worker = await WorkerProcess.spawn(WORKER_COMMAND, Deadlines())
    await worker.wait_ready()
    await worker.stop()
    assert not (tmp_path / "was_run").exists()
