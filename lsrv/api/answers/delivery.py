"""Brings an answer to the client, whoever gives it. An ASGI app, so that a token crosses no other layer.

1. Nothing is sent before the first text, so that an error has its own status. After two seconds of silence a stream
   begins with comments; from then on an error becomes its last event.
2. A client that leaves cancels the answer.
3. The last bytes go out when the answer has let go of its model: what a client has read is over here, too.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from litestar.types import Receive, Scope, Send

from lsrv.api.answers.cache_control import cache_use
from lsrv.api.answers.generation import Generation
from lsrv.api.answers.relay import Relay
from lsrv.api.answers.time_limit import time_limit
from lsrv.api.dialects.contract import Dialect
from lsrv.api.http.access import Caller
from lsrv.api.http.errors import ClientGoneError, status_of
from lsrv.api.http.event_stream import EventStream
from lsrv.api.http.receive import read_body, until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.http.respond import send_error, send_json
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError
from lsrv.registry import Attempts, Target
from lsrv.serving.shadow.copies import Original
from lsrv.serving.shadow.transcript import Transcript
from lsrv.serving.sources import CacheUse

_log = logging.getLogger(__name__)

Write = Callable[[bytes], Awaitable[None]]


class ModelAnswer(Protocol):
    """One model's answer to one request, from the wait for a place to the last byte."""

    async def body(self) -> bytes:
        """All of it, for a request that does not stream."""
        ...

    async def stream(self, write: Write) -> bytes:
        """Writes complete events as they come, and returns the last ones unwritten."""
        ...

    def comment(self) -> str:
        """What to tell a client that waits for the first event; no line break."""
        ...


class Delivery:
    """The response to one call in `dialect`, errors included. `raw`: its body, where it was read already."""

    def __init__(self, state: ServerState, dialect: Dialect, scope: Scope, raw: bytes | None = None) -> None:
        self._state = state
        self._dialect = dialect
        self._raw = raw
        self._record = record_of(scope)
        self._is_trusted = state.access.trusts(Caller.of(scope, dict(scope["headers"])))
        self._wants_server_tools = False
        self._use: CacheUse = cache_use(scope["headers"])
        self._transcript: Transcript | None = None  # None: nobody gets a copy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = EventStream(send, self._dialect.framing)
        try:
            await self._deliver(scope, receive, send, stream)
        except LsrvError as error:
            await self._fail(error, send, stream)
        except Exception:
            if not stream.has_started:
                raise
            record = self._record
            _log.exception(
                "request failed",
                extra=record.logged,
            )
            error = LsrvError("An internal error ended this answer; the server's log says more.")
            await self._fail(error, send, stream)

    async def _deliver(self, scope: Scope, receive: Receive, send: Send, stream: EventStream) -> None:
        raw = self._raw
        if raw is None:
            raw = await read_body(scope, receive, self._state.settings.server.max_body_bytes)
        head, registry = self._dialect.read_head(raw), self._state.registry
        self._wants_server_tools = head.wants_server_tools
        attempts = registry.routing.text_attempts(registry.names.first_known(head.spellings), head.sticky_key)
        async with time_limit(self._state.settings.server.request_timeout_s):
            if head.is_streaming:
                await until_disconnect(receive, self._stream(raw, attempts, stream))
            else:
                body = first_body(attempts, lambda _: self._answer(raw, attempts).body())
                await send_json(send, await until_disconnect(receive, body))
        if self._transcript is not None:  # the answer is with the client
            original = Original(self._record.request_id, raw, self._dialect.parse, self._transcript.texts)
            self._state.shadows.offer(attempts.shadows, original)

    async def _fail(self, error: LsrvError, send: Send, stream: EventStream) -> None:
        self._record.error_code, error.request_id = error.code, self._record.request_id
        if not stream.has_started:
            await send_error(send, error, self._state.errors_as(self._dialect.errors))
        elif isinstance(error, ClientGoneError):
            self._record.status = status_of(error)  # 200 was sent, but it isn't what became of it
        else:
            await stream.end(self._dialect.error_event(error))

    def _answer(self, raw: bytes, attempts: Attempts) -> ModelAnswer:
        """The answer of the one to ask now. Raises RequestError for a body that does not fit it."""
        state, record, target, path = self._state, self._record, attempts.target, self._dialect.relay_path
        has_copies = attempts.shadows and self._use != "off"  # no-store holds for copies, too
        self._transcript = transcript = Transcript() if has_copies else None
        state.begin(record, target.model_id)
        record.is_cache_hit = None  # what came of another one
        takes_body = state.registry.takes_openai_bodies(target.model_id)
        if path is not None and takes_body and not self._wants_server_tools:
            return Relay(state, target.model_id, path, raw, record, self._use, transcript)
        request = self._dialect.parse(raw)
        return Generation(state, request, target, record, self._use, transcript, is_trusted=self._is_trusted)

    async def _stream(self, raw: bytes, attempts: Attempts, stream: EventStream) -> None:
        has_text = False
        async with stream.comments(lambda: answer.comment()) as comments:

            async def write(data: bytes) -> None:
                nonlocal has_text
                has_text = True
                comments.cancel()
                await stream.write(data)

            while True:
                try:
                    answer = self._answer(raw, attempts)
                    last = await answer.stream(write)
                except LsrvError as error:
                    if has_text:
                        attempts.failed()
                        raise
                    await attempts.go_on(error)
                else:
                    attempts.answered()
                    break
        await stream.end(last)


async def first_body(attempts: Attempts, ask: Callable[[Target], Awaitable[bytes]]) -> bytes:
    """The answer of the first one who has one. Raises the error of the first one if nobody has."""
    while True:
        try:
            body = await ask(attempts.target)
        except LsrvError as error:
            await attempts.go_on(error)
        else:
            attempts.answered()
            return body
