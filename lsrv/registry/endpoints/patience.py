"""How long a request waits for a place, `queue_timeout`: a load, whoever it is for, is no such wait."""

from __future__ import annotations

import asyncio
import contextlib
import math

from lsrv.errors import QueueTimeoutError
from lsrv.registry.endpoints.endpoint import Endpoint, Lease
from lsrv.registry.endpoints.waiting import Turn


async def entered(stack: contextlib.AsyncExitStack, endpoint: Endpoint, turn: Turn) -> Lease:
    """A lease that `stack` gives back. Raises QueueTimeoutError, and whatever `acquire` does."""
    seconds = endpoint.settings.queue_timeout_s
    if seconds == math.inf:
        return await stack.enter_async_context(endpoint.acquire(turn))
    loop, patience = asyncio.get_running_loop(), asyncio.timeout(None)

    def look() -> None:
        nonlocal alarm
        if endpoint.is_settled:
            patience.reschedule(loop.time())
        else:
            alarm = loop.call_later(seconds, look)  # it counts anew, for no place could come free meanwhile

    alarm = loop.call_later(seconds, look)
    try:
        async with patience:
            return await stack.enter_async_context(endpoint.acquire(turn))
    except TimeoutError:
        if not patience.expired():
            raise
        listed_id = endpoint.settings.listed_id
        raise QueueTimeoutError(
            f"model '{listed_id}' had no place for this request within {seconds:g} s; try again, or raise "
            "`queue_timeout`",
            retry_after_s=max(1, math.ceil(seconds)),
        ) from None
    finally:
        alarm.cancel()
