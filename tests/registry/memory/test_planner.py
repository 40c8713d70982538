"""Plans over real workers: made once, and the worker goes on to load."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lsrv.errors import CrashedError, LoadFailedError, WeightsNotFoundError
from lsrv.protocol.commands import LoadParams
from lsrv.registry import WORKER_COMMAND, Deadlines, WorkerProcess
from lsrv.registry.memory.planner import Planner, lone_planner
from lsrv.registry.workers.spares import Spares
from tests.models import STORIES
from tests.registry.conftest import worker_pids

pytestmark = pytest.mark.anyio


class CountedSpares(Spares):
    """Counts the workers that were taken."""

    n_taken = 0

    async def take(self) -> WorkerProcess:
        self.n_taken += 1
        return await super().take()


@pytest.fixture
async def spares() -> AsyncIterator[CountedSpares]:
    spares = CountedSpares(1, lambda: WorkerProcess.spawn(WORKER_COMMAND, Deadlines()))
    yield spares
    await spares.close()
    assert not worker_pids()


@pytest.fixture
def planner(spares: CountedSpares, tmp_path: Path) -> Planner:
    return Planner(spares, tmp_path / "verdicts.json")


def params(path: Path = STORIES, **options: object) -> LoadParams:
    return LoadParams(model_path=str(path), n_slots=2, **options)  # type: ignore[arg-type]


async def test_several_contexts_are_planned_in_one_go_and_then_known(planner: Planner, spares: CountedSpares) -> None:
    planned = await planner.plan(params(), [2048, 512, 1024])
    assert [each.n_ctx_seq for each in planned.contexts] == [2048, 512, 1024]
    kv = [each.memory.kv_bytes for each in planned.contexts]
    assert kv == [4 * kv[1], kv[1], 2 * kv[1]]
    again = await planner.plan(params(), [1024, 512])
    assert again.contexts == planned.contexts[:0:-1]
    assert (spares.n_taken, len(spares)) == (1, 1)


async def test_other_settings_and_another_file_are_planned_anew(planner: Planner, tmp_path: Path) -> None:
    first = await planner.plan(params())
    shared = await planner.plan(params(kv="shared"))
    assert shared.contexts != first.contexts
    copy = tmp_path / "copy.gguf"
    shutil.copy(STORIES, copy)
    assert await planner.plan(params(copy)) == first
    copy.write_bytes(b"GGUF, and then nothing")
    with pytest.raises(LoadFailedError):
        await planner.plan(params(copy))


async def test_a_refusal_leaves_a_worker_that_still_plans_and_loads(planner: Planner, spares: CountedSpares) -> None:
    with pytest.raises(LoadFailedError) as refused:
        await planner.plan(params(cache_type_k="q8_0"), [512])  # rows of 8 are no multiple of q8_0's blocks
    assert refused.value.fields["log"]
    await planner.plan(params(), [512])
    worker = await spares.take()
    info = await worker.load(params(n_ctx_seq=512, n_threads=1), lambda progress: None)
    assert info.n_ctx_seq == 512
    await worker.stop()


async def test_a_worker_that_dies_while_it_plans_is_told_and_replaced(planner: Planner, spares: CountedSpares) -> None:
    async with planner._borrowed() as worker:
        worker._signal(9)
        with pytest.raises(CrashedError):
            await worker.plan(params())
    assert (await planner.plan(params())).arch == "llama"


async def test_a_file_that_is_not_there_starts_no_worker(planner: Planner, spares: CountedSpares) -> None:
    with pytest.raises(WeightsNotFoundError):
        await planner.plan(params(Path("/nowhere.gguf")))
    assert spares.n_taken == 0


async def test_a_lone_planner_leaves_no_process() -> None:
    async with lone_planner(WORKER_COMMAND) as planner:
        assert (await planner.plan(params())).contexts[0].total_bytes > 0
    assert not worker_pids()
