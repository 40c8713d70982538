"""Workers without a model: imports done, waiting to be taken, so that a load starts at once.

A model that is evicted leaves its worker behind for the next one: where models take turns no process is started.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lsrv.errors import StartFailedError
from lsrv.registry.workers.process import WorkerProcess

_PAUSE_S = 0.25

Spawn = Callable[[], Awaitable[WorkerProcess]]

_log = logging.getLogger(__name__)


class Spares:
    """Keeps `n_spares` workers warm. `take` gives the caller a worker and its ownership."""

    def __init__(self, n_spares: int, spawn: Spawn) -> None:
        self._n_spares = n_spares
        self._spawn = spawn
        self._workers: list[WorkerProcess] = []
        self._filling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def __len__(self) -> int:
        return sum(not worker.is_dead for worker in self._workers)

    async def take(self) -> WorkerProcess:
        """A living spare, else a fresh worker; it may not be Ready yet. Raises StartFailedError."""
        while self._workers:
            worker = self._workers.pop(0)
            if not worker.is_dead:
                return worker
            _log.warning("a spare worker had died", extra={"pid": worker.pid, "reason": worker.dead.result().message})
        return await self._spawn()

    async def give_back(self, worker: WorkerProcess) -> None:
        """Keep a worker that was taken, without the model it may hold, whose memory is back then.

        One too many is stopped, and so is one that can't be had back whole.
        """
        is_bare = not worker.is_loaded or (self._has_room and await worker.unload())
        if is_bare and self._has_room:
            worker.label = "a spare worker"
            self._workers.insert(0, worker)
        else:
            await worker.stop()

    @property
    def _has_room(self) -> bool:
        return not self._is_closed and len(self) < self._n_spares

    def fill(self) -> None:
        """Start what is missing, in the background."""
        self.hold_off()
        if not self._is_closed and self._filling is None and len(self) < self._n_spares:
            self._filling = asyncio.create_task(self._fill())

    def fill_soon(self) -> None:
        """`fill`, once the first request of a fresh model has had the processor to itself for a moment."""
        self.hold_off()
        self._timer = asyncio.get_running_loop().call_later(_PAUSE_S, self.fill)

    def hold_off(self) -> None:
        """Start nothing while a load runs, for it would compete with it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """Stop every spare."""
        self._is_closed = True
        self.hold_off()
        if self._filling is not None:
            await asyncio.wait({self._filling})
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._workers.clear()

    async def _fill(self) -> None:
        try:
            while len(self) < self._n_spares and not self._is_closed:
                self._workers.append(await self._spawn())
        except StartFailedError as error:
            _log.warning("can't keep a spare worker", extra={"reason": error.message})
        finally:
            self._filling = None
