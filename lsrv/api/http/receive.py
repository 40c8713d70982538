"""The receiving side of a request: its body, and then the one thing that may still come, the disconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from litestar.types import Receive, Scope

from lsrv.api.http.errors import BodyTooLargeError, ClientGoneError

T = TypeVar("T")


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    """The whole body. Raises BodyTooLargeError as soon as that is known, ClientGoneError if the client leaves."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(declared) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    n_bytes = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError("The client closed the connection within its body.")
        n_bytes += len(message["body"])
        if n_bytes > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(message["body"])
        if not message["more_body"]:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The body is longer than {max_bytes} bytes (max_body_bytes under [server]).")


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
