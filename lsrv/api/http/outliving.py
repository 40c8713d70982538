"""Answers that outlive their connections: they run by themselves, and whoever comes back follows what they sent.

An answer is an ASGI app whose client never leaves, unless it is cancelled. What it sent is kept until it is over, and
a while longer: the last ones of all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import cast

from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from lsrv.api.http.errors import ClientGoneError
from lsrv.api.http.event_stream import EventStream
from lsrv.api.http.framing import Framing
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import RequestRecord, attach_record, record_of

_MAX_OVER = 64  # answers that are over and can still be followed
_CLOSE_S = 5.0

_log = logging.getLogger(__name__)

End = Callable[[RequestRecord, float], None]  # after so many seconds


class OutlivingAnswer:
    """One answer. `view`: what it has come to so far, as a body. `chunks`: complete events, in their order.

    `refusal`: the body of an answer that failed before it began to be sent; empty: it did not.
    """

    def __init__(self, view: Callable[[], bytes], opening: bytes) -> None:
        self.view = view
        self.chunks = [opening]
        self.refusal = b""
        self.is_cancelled = False
        self.is_over = False
        self._is_refused = False
        self._cancelled = asyncio.Event()
        self._changed = asyncio.Event()

    async def receive(self) -> HTTPReceiveMessage:
        """The receiving side of the app: nothing, until the answer is cancelled."""
        await self._cancelled.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The sending side of it."""
        if message["type"] == "http.response.start":
            self._is_refused = message["status"] != 200
        elif message["type"] == "http.response.body" and self._is_refused:
            self.refusal += message["body"]
        elif message["type"] == "http.response.body" and message["body"]:
            self._add(message["body"])

    def end(self, last: bytes) -> None:
        """Nothing more comes than `last`."""
        self.is_over = True
        self._add(last)

    async def cancel(self) -> None:
        """Returns once it is over."""
        self.is_cancelled = self.is_cancelled or not self.is_over
        self._cancelled.set()
        while not self.is_over:
            await self._changed.wait()

    async def follow(self) -> AsyncGenerator[bytes]:
        """All that was sent, and then what is sent, up to the end."""
        n_seen = 0
        while True:
            changed, data = self._changed, b"".join(self.chunks[n_seen:])
            n_seen, is_over = len(self.chunks), self.is_over
            if data:
                yield data
            if is_over:
                return
            if changed is self._changed:
                await changed.wait()

    def _add(self, data: bytes) -> None:
        self.chunks.append(data)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class OutlivingAnswers:
    """All of one server, by id. `end` is told of each that is over."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._answers: dict[str, OutlivingAnswer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, answer_id: str) -> OutlivingAnswer | None:
        """One that runs, or was among the last ones."""
        return self._answers.get(answer_id)

    def start(
        self,
        answer_id: str,
        answer: OutlivingAnswer,
        scope: Scope,
        make_app: Callable[[Scope], ASGIApp],
        conclude: Callable[[], Awaitable[bytes]],
    ) -> None:
        """Let it run. `scope` is of the request that asked for it; `conclude` gives what is sent last."""
        self._answers[answer_id] = answer
        record = RequestRecord(record_of(scope).request_id, time.perf_counter(), route=record_of(scope).route)
        own = cast(Scope, {**scope, "state": {}})
        attach_record(own, record)
        task = asyncio.create_task(self._run(answer, make_app(own), own, conclude))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, answer_id: str) -> None:
        """Nobody can follow it any more."""
        self._answers.pop(answer_id, None)

    async def close(self) -> None:
        """Cancel what still runs."""
        for answer in self._answers.values():
            if not answer.is_over:
                asyncio.ensure_future(answer.cancel())  # noqa: RUF006  # its task is waited for below
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)

    async def _run(
        self, answer: OutlivingAnswer, app: ASGIApp, scope: Scope, conclude: Callable[[], Awaitable[bytes]]
    ) -> None:
        record = record_of(scope)
        last = b""
        try:
            await app(scope, answer.receive, answer.send)
            last = await conclude()
        except Exception:  # noqa: BLE001  # whatever it is, the answer is over
            _log.exception(
                "request failed",
                extra=record.logged,
            )
        finally:
            answer.end(last)
            self._end(record, time.perf_counter() - record.arrived_at)
            over = [key for key, each in self._answers.items() if each.is_over]
            for key in over[:-_MAX_OVER]:
                self.forget(key)


class Following:
    """The ASGI app that tells one client of an answer; `only`: what of it this one is to hear."""

    def __init__(self, answer: OutlivingAnswer, framing: Framing, only: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._framing = framing
        self._only = only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = EventStream(send, self._framing)
        try:
            await until_disconnect(receive, self._write(stream))
        except ClientGoneError:
            return  # it may come back
        await stream.end(b"")

    async def _write(self, stream: EventStream) -> None:
        async with stream.comments(lambda: "waiting"):
            async for data in self._answer.follow():
                if wanted := self._only(data):
                    await stream.write(wanted)
