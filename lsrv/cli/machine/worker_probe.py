"""Starts one worker without a model, as the server does, and hears what its build of llama.cpp says of itself."""

from __future__ import annotations

import asyncio

from lsrv.protocol.events import Ready
from lsrv.registry import WORKER_COMMAND, Deadlines, WorkerProcess


def probe_worker() -> Ready:
    """What a fresh worker reports. Raises StartFailedError, or CrashedError with its last words."""
    return asyncio.run(_probe())


async def _probe() -> Ready:
    worker = await WorkerProcess.spawn(WORKER_COMMAND, Deadlines())
    try:
        return await worker.wait_ready()
    finally:
        await worker.stop()
