"""The beginning and the end of a registry: what is started, drained and closed, and in which order."""

from __future__ import annotations

import asyncio

from lsrv.registry.endpoints.endpoints import Endpoints
from lsrv.registry.entries import refusals
from lsrv.registry.life.idle import IdleWork
from lsrv.registry.loading.builds import Builds
from lsrv.registry.loading.weights import Preparer
from lsrv.registry.loop.inbox import Inbox
from lsrv.registry.loop.run_loop import RunLoop
from lsrv.registry.workers.spares import Spares


class Life:
    """`start` it in the event loop it shall live in, and `close` it there."""

    def __init__(
        self,
        inbox: Inbox,
        run_loop: RunLoop,
        endpoints: Endpoints,
        preparer: Preparer,
        builds: Builds,
        spares: Spares,
        idle_work: IdleWork,
    ) -> None:
        self._inbox = inbox
        self._run_loop = run_loop
        self._endpoints = endpoints
        self._preparer = preparer
        self._builds = builds
        self._spares = spares
        self._idle_work = idle_work

    async def start(self) -> None:
        """Start the run loop, spare workers and preloads; they go on in the background."""
        self._preparer.start()
        if not self._run_loop.start():
            self._spares.fill()

    async def drain(self, timeout_s: float) -> None:
        """Refuse new requests, let those accepted finish, and after `timeout_s` end what is left with DrainingError."""
        self._inbox.drain()
        self._idle_work.end()
        try:
            async with asyncio.timeout(timeout_s):
                await self._until_idle()
        except TimeoutError:
            await self._endpoints.end_all(refusals.draining())

    async def close(self) -> None:
        """End every request and stop every worker. Nothing of the registry is left running. Idempotent."""
        self._inbox.drain()
        self._idle_work.end()
        if self._run_loop.is_running:
            await self._endpoints.end_all(refusals.draining())
        await self._builds.close()
        await asyncio.gather(self._spares.close(), self._endpoints.close())
        await self._run_loop.close()

    async def _until_idle(self) -> None:
        is_idle = asyncio.Event()

        def look() -> None:
            if not self._inbox.has_waiters and self._idle_work.is_idle:
                is_idle.set()

        self._idle_work.watch(look)
        look()
        await is_idle.wait()
