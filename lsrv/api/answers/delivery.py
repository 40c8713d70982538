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

import msgspec
from litestar.types import Receive, Scope, Send

from lsrv.api.answers.cache_control import cache_use
from lsrv.api.answers.generation import Generation
from lsrv.api.answers.relay import Relay
from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import ClientGoneError, status_of
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import RequestRecord, record_of
from lsrv.api.http.respond import send_json
from lsrv.api.http.sse import EventStream
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


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A client call, before it is known who answers it: an entry of this machine may refuse what an upstream takes."""

    raw: bytes
    model: str | None
    is_streaming: bool
    sticky_key: str | None  # requests with the same one go to the same model of a route
    parse: Callable[[bytes], DialectRequest]
    openai_path: str | None  # where OpenAI's API takes this very body, below base_url; None: nowhere


class _Head(msgspec.Struct):
    """What has to be known of a body first."""

    model: str | None = None
    stream: bool | None = None
    user: object = None
    session_id: object = None


_head_decoder = msgspec.json.Decoder(_Head)


def read_asked(raw: bytes, parse: Callable[[bytes], DialectRequest], openai_path: str | None = None) -> Asked:
    """The call that `raw` is. Raises RequestError."""
    head = decode_body(_head_decoder, raw)
    return Asked(
        raw=raw,
        model=head.model,
        is_streaming=bool(head.stream),
        sticky_key=_sticky_key(head),
        parse=parse,
        openai_path=openai_path,
    )


def named_model(raw: bytes) -> tuple[str | None, str | None]:
    """The model that a body names, and what its requests should stick to. Raises RequestError."""
    head = decode_body(_head_decoder, raw)
    return head.model, _sticky_key(head)


def _sticky_key(head: _Head) -> str | None:
    """A session is narrower than a user."""
    return next((key for key in (head.session_id, head.user) if isinstance(key, str) and key), None)


class Delivery:
    """The response to one call."""

    def __init__(self, state: ServerState, asked: Asked) -> None:
        self._state = state
        self._asked = asked
        self._use: CacheUse = "read"
        self._transcript: Transcript | None = None  # None: nobody gets a copy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        self._use = cache_use(scope["headers"])
        candidates = self._state.registry.routing.text_candidates(self._asked.model, self._asked.sticky_key)
        if self._asked.is_streaming:
            await self._stream_until_disconnect(candidates, record, receive, EventStream(send))
        else:
            body = first_body(candidates, lambda _: self._answer(candidates, record).body())
            await send_json(send, await until_disconnect(receive, body))
            self._offer_copies(candidates, record)

    def _offer_copies(self, candidates: Attempts, record: RequestRecord) -> None:
        """The answer is with the client."""
        if self._transcript is not None:
            asked = self._asked
            original = Original(record.request_id, asked.raw, asked.parse, self._transcript.texts)
            self._state.shadows.offer(candidates.shadows, original)

    def _answer(self, candidates: Attempts, record: RequestRecord) -> ModelAnswer:
        """The answer of the one to ask now. Raises RequestError for a body that does not fit it."""
        asked, registry, target = self._asked, self._state.registry, candidates.target
        has_copies = candidates.shadows and self._use != "off"  # no-store holds for copies, too
        self._transcript = transcript = Transcript() if has_copies else None
        self._state.begin(record, target.model_id)
        record.is_cache_hit = None  # what came of another candidate
        if asked.openai_path is not None and registry.takes_openai_bodies(target.model_id):
            return Relay(self._state, target.model_id, asked.openai_path, asked.raw, record, transcript)
        return Generation(self._state, asked.parse(asked.raw), target, record, self._use, transcript)

    async def _stream_until_disconnect(
        self, candidates: Attempts, record: RequestRecord, receive: Receive, stream: EventStream
    ) -> None:
        try:
            await until_disconnect(receive, self._stream(candidates, record, stream))
        except ClientGoneError as error:
            if not stream.has_started:
                raise
            record.status = status_of(error)  # 200 was sent, but it isn't what became of it
            record.error_code = error.code

    async def _stream(self, candidates: Attempts, record: RequestRecord, stream: EventStream) -> None:
        try:
            last = await self._all_but_last(candidates, record, stream)
        except LsrvError as error:
            if not stream.has_started:
                raise
            record.error_code = error.code
            await stream.end_with_error(error)
        except Exception:
            if not stream.has_started:
                raise
            _log.exception("request failed", extra={"request_id": record.request_id, "model_id": record.model_id})
            record.error_code = LsrvError.code
            await stream.end_with_error(LsrvError("An internal error ended this answer; the server's log says more."))
        else:
            await stream.end(last)
            self._offer_copies(candidates, record)

    async def _all_but_last(self, candidates: Attempts, record: RequestRecord, stream: EventStream) -> bytes:
        has_text = False
        async with stream.comments(lambda: answer.comment()) as comments:

            async def write(data: bytes) -> None:
                nonlocal has_text
                has_text = True
                comments.cancel()
                await stream.write(data)

            while True:
                try:
                    answer = self._answer(candidates, record)
                    last = await answer.stream(write)
                except LsrvError as error:
                    if has_text:
                        candidates.failed()
                        raise
                    candidates.go_on(error)
                else:
                    candidates.answered()
                    return last


async def first_body(candidates: Attempts, ask: Callable[[Target], Awaitable[bytes]]) -> bytes:
    """The answer of the first one who has one. Raises the error of the first one if nobody has."""
    while True:
        try:
            body = await ask(candidates.target)
        except LsrvError as error:
            candidates.go_on(error)
        else:
            candidates.answered()
            return body
