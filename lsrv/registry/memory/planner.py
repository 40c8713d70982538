"""Exact memory plans from workers that hold no model; each is made once per file and settings."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lsrv.errors import WeightsNotFoundError
from lsrv.file_digest import FileStamp, stamp_of
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import ContextPlan, Planned
from lsrv.registry.workers import cpu_faults
from lsrv.registry.workers.process import WorkerProcess
from lsrv.registry.workers.spares import Spares
from lsrv.registry.workers.watchdog import Deadlines
from lsrv.threads import Lanes, in_thread

_N_KEPT = 256


@dataclass
class _Known:
    """What workers said of one file with one set of settings."""

    planned: Planned
    contexts: dict[int, ContextPlan] = field(default_factory=dict[int, ContextPlan])


class Planner:
    """Plans with workers of `spares`, one at a time, in the event loop. Asking again costs nothing."""

    def __init__(self, spares: Spares, cpu_faults_file: Path | None = None) -> None:
        self._spares = spares
        self._cpu_faults_file = cpu_faults_file
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._turn = asyncio.Lock()  # of spares
        self._looks = Lanes()

    async def plan(
        self, params: LoadParams, n_ctx_seqs: Sequence[int] = (), *, worker: WorkerProcess | None = None
    ) -> Planned:
        """What a load of `params` would take for each of `n_ctx_seqs` (none: for what params.n_ctx_seq means).

        `worker`: a Ready one to ask instead of a spare, about to load the same; it stays the caller's.
        Raises what the load would raise, CrashedError, UnresponsiveError or StartFailedError.
        """
        wanted = list(n_ctx_seqs) or [params.n_ctx_seq]
        key = await self._looks.run(params.model_path, _key, params)
        if worker is not None:  # it waits for nobody: who asks without one may hang at a disk of his own
            return await self._plan(key, params, wanted, worker)
        async with self._turn:
            return await self._plan(key, params, wanted, None)

    async def _plan(self, key: bytes, params: LoadParams, wanted: list[int], worker: WorkerProcess | None) -> Planned:
        known = self._known.get(key)
        missing = [n for n in wanted if known is None or n not in known.contexts]
        if known is not None and known.planned.devices and not missing:
            missing = wanted[:1]  # what GPUs have free is as new as the last answer
        if missing:
            known = self._learn(key, await self._ask(params, missing, worker), missing)
        assert known is not None
        self._known.move_to_end(key)
        return msgspec.structs.replace(known.planned, contexts=[known.contexts[n] for n in wanted])

    def _learn(self, key: bytes, planned: Planned, n_ctx_seqs: Sequence[int]) -> _Known:
        known = self._known.setdefault(key, _Known(planned))
        known.planned = planned
        known.contexts |= dict(zip(n_ctx_seqs, planned.contexts, strict=True))
        if len(self._known) > _N_KEPT:
            self._known.popitem(last=False)
        return known

    async def _ask(self, params: LoadParams, n_ctx_seqs: list[int], worker: WorkerProcess | None) -> Planned:
        if worker is not None:
            return await worker.plan(params, n_ctx_seqs)
        async with self._borrowed() as spare:
            version = spare.llama_cpp_version
            if await in_thread(cpu_faults.is_condemned, version, self._cpu_faults_file):
                params = msgspec.structs.replace(params, use_extra_bufts=False)  # as the load would
            return await spare.plan(params, n_ctx_seqs)

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[WorkerProcess]:
        worker = await self._spares.take()
        worker.label = "the worker that plans memory"
        try:
            await worker.wait_ready()
            yield worker
        except BaseException:
            await worker.stop()
            raise
        await self._spares.give_back(worker)


@contextlib.asynccontextmanager
async def lone_planner(worker_command: Sequence[str], deadlines: Deadlines | None = None) -> AsyncGenerator[Planner]:
    """A planner with a worker of its own, for commands that have no registry."""
    spares = Spares(1, functools.partial(WorkerProcess.spawn, worker_command, deadlines or Deadlines()))
    try:
        yield Planner(spares)
    finally:
        await spares.close()


def _key(params: LoadParams) -> bytes:
    """What a plan depends on: the files' identity, and all settings of sizes. Raises WeightsNotFoundError."""
    files = [_identity(path) for path in (params.model_path, params.draft_path) if path]
    sizing = msgspec.structs.replace(
        params, n_ctx_seq=0, n_threads=0, n_threads_batch=0, chat_template=None, chat_template_name=""
    )
    return msgspec.msgpack.encode((files, sizing))


def _identity(path: str) -> FileStamp:
    try:
        return stamp_of(Path(path))
    except OSError as error:
        raise WeightsNotFoundError(f"{path}: can't be read ({error.strerror})") from None
