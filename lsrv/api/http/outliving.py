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

from lsrv.api.http.errors import OPENAI_ERRORS, ClientGoneError
from lsrv.api.http.event_stream import EventStream
from lsrv.api.http.framing import Framing
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import RequestRecord, attach_record, record_of
from lsrv.api.http.respond import send_error, send_response
from lsrv.errors import LsrvError, RequestError

_MAX_OVER = 64  # answers that are over and can still be followed
_MAX_OVER_BYTES = 64 << 20  # of all of them
_CLOSE_S = 5.0

_log = logging.getLogger(__name__)

End = Callable[[RequestRecord, float], None]  # after so many seconds


class OutlivingAnswer:
    """One answer. `view`: what it has come to so far, as a body. `chunks`: complete events, in their order.

    `refusal`: the body of an answer that failed before it began to be sent; empty: it did not. `started_at` and
    `ended_at` (None until then) are of `time.monotonic()`.
    """

    def __init__(self, view: Callable[[], bytes], opening: bytes) -> None:
        self.view = view
        self.chunks = [opening]
        self.n_bytes = len(opening)
        self.refusal = b""
        self.is_cancelled = False
        self.started_at = time.monotonic()
        self.ended_at: float | None = None
        self._refused_with: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._cancelled = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    async def receive(self) -> HTTPReceiveMessage:
        """The receiving side of the app: nothing, until the answer is cancelled."""
        await self._cancelled.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The sending side of it."""
        if message["type"] == "http.response.start":
            if message["status"] != 200:
                self._refused_with = (message["status"], [*message["headers"]])
        elif message["type"] == "http.response.body" and self._refused_with is not None:
            self.refusal += message["body"]
        elif message["type"] == "http.response.body" and message["body"]:
            self._add(message["body"])

    def end(self, last: bytes) -> None:
        """Nothing more comes than `last`."""
        self.ended_at = time.monotonic()
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

    async def send_refusal(self, send: Send) -> None:
        """What it was refused with, as it was told; to be asked once it is over, of one that never began."""
        if self.is_cancelled:
            await send_error(send, RequestError("This answer was cancelled before it began."), OPENAI_ERRORS)
            return
        if self._refused_with is None:
            error = LsrvError("An internal error ended this answer; the server's log says more.")
            await send_error(send, error, OPENAI_ERRORS)
            return
        status, headers = self._refused_with
        await send_response(send, status, [each for each in headers if each[0] != b"content-length"], self.refusal)

    def _add(self, data: bytes) -> None:
        self.chunks.append(data)
        self.n_bytes += len(data)
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

    def named(self, answer_id: str) -> list[tuple[str, OutlivingAnswer]]:
        """That one, and those whose ids say `::` and something more behind it."""
        return [
            (key, each) for key, each in self._answers.items() if key == answer_id or key.startswith(f"{answer_id}::")
        ]

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
        """Nobody new can follow it."""
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
            self._forget_old_ones()

    def _forget_old_ones(self) -> None:
        over = [(key, each.n_bytes) for key, each in self._answers.items() if each.is_over]
        n_kept = n_bytes = 0
        for key, n_own in reversed(over):
            n_kept, n_bytes = n_kept + 1, n_bytes + n_own
            if n_kept > _MAX_OVER or n_bytes > _MAX_OVER_BYTES:
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
        if self._answer.n_bytes:
            await stream.end(b"")
        else:
            await self._answer.send_refusal(send)

    async def _write(self, stream: EventStream) -> None:
        async with stream.comments(lambda: "waiting"):
            async for data in self._answer.follow():
                if wanted := self._only(data):
                    await stream.write(wanted)
