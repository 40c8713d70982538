"""Work that ends when its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from litestar.types import Receive

from lsrv.api.errors import ClientGoneError

T = TypeVar("T")


async def until_disconnect(receive: Receive, work: Coroutine[object, object, T]) -> T:
    """What `work` returns. If the client leaves first, `work` is cancelled and ClientGoneError raised.

    Call it when the body has been read: from then on the only message `receive` can give is the disconnect. `work`
    must do nothing after sending the end of a response, for the end of the response looks like a disconnect, too.
    """
    job = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await asyncio.wait((job, gone), return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            raise ClientGoneError("The client closed the connection.")
        return job.result()
    finally:
        gone.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait((job,))


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
