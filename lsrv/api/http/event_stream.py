"""The sending side of an event stream: headers once, comments while nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from litestar.types import Send

from lsrv.api.http.framing import Framing

FIRST_COMMENT_S = 2.0  # until then an error can still have its own status
COMMENT_INTERVAL_S = 5.0

_HEADERS = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


class EventStream:
    """One response that comes as events. Headers go out with the first bytes."""

    def __init__(self, send: Send, framing: Framing) -> None:
        self._send = send
        self._framing = framing
        self.has_started = False

    async def write(self, data: bytes) -> None:
        """Send complete events. Waits while the client's socket is full."""
        await self._start()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        """Send the last events and close; nothing may follow."""
        await self._start()
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _start(self) -> None:
        if not self.has_started:
            self.has_started = True  # before the await: the comment task writes here, too
            headers = [(b"content-type", self._framing.media_type), *_HEADERS]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    @asynccontextmanager
    async def comments(self, text: Callable[[], str]) -> AsyncGenerator[asyncio.Task[None]]:
        """While inside, or until the yielded task is cancelled: a comment every few seconds, so that nothing times out.

        `text` is asked for each comment's words; it must not hold a line break. None come where the framing has none.
        """
        task = asyncio.create_task(self._comment(text))
        try:
            yield task
        finally:
            task.cancel()

    async def _comment(self, text: Callable[[], str]) -> None:
        if self._framing.comment is None:
            return
        await asyncio.sleep(FIRST_COMMENT_S)
        while True:
            await self.write(self._framing.comment(text()))
            await asyncio.sleep(COMMENT_INTERVAL_S)
