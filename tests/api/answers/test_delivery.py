"""A dialect that is nobody's, delivered: its head, replies and errors are all that a client of it sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
from litestar.types import Receive, Scope, Send

from lsrv.api.answers.delivery import Delivery
from lsrv.api.app import create_state
from lsrv.api.dialects.contract import Dialect, DialectRequest, Head, Heading
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import ErrorShape
from lsrv.api.http.request_record import RequestRecord, attach_record
from lsrv.config import Settings
from lsrv.errors import LsrvError
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Delta, Finished
from lsrv.registry import assemble
from tests.conftest import copies_of_stories


class _Body(msgspec.Struct):
    q: str
    streams: bool = False
    breaks: bool = False  # at the end of its answer


_decoder = msgspec.json.Decoder(_Body)


class _Reply:
    def __init__(self, breaks: bool) -> None:
        self._breaks = breaks

    def head(self) -> bytes:
        return b"<"

    def delta(self, index: int, delta: Delta) -> bytes:
        return b"+"

    def finish(self, index: int, finished: Finished) -> bytes:
        if self._breaks:
            raise LsrvError("it broke")
        return b"."

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return b">"

    def body(self, finished: Sequence[Finished]) -> bytes:
        return b"%d tokens" % finished[0].usage.n_completion_tokens


def _parse(raw: bytes) -> DialectRequest:
    body = decode_body(_decoder, raw)
    command = Generate(request_id=0, prompt=body.q, max_tokens=450, ignore_eos=True, is_streaming=body.streams)

    def make_reply(heading: Heading) -> _Reply:
        return _Reply(body.breaks)

    return DialectRequest(model=None, commands=[command], n_choices=1, is_streaming=body.streams, make_reply=make_reply)


_OURS = Dialect(
    read_head=lambda raw: Head(model=None, is_streaming=decode_body(_decoder, raw).streams, sticky_key=None),
    parse=_parse,
    errors=ErrorShape(lambda error: b"oops: " + error.code.encode(), lambda _: 418),
    error_event=lambda error: b"!" + error.message.encode(),
)


@dataclass
class _Sent:
    status: int = 0
    body: bytes = b""
    record: RequestRecord = field(default_factory=lambda: RequestRecord("r", time.perf_counter()))


async def _call(state: Any, raw: bytes) -> _Sent:
    sent = _Sent()
    scope = cast(Scope, {"type": "http", "headers": []})
    attach_record(scope, sent.record)
    messages = iter([{"type": "http.request", "body": raw, "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None:
            await asyncio.Event().wait()  # the client stays
            raise AssertionError
        return message

    async def send(message: Any) -> None:
        sent.status = message.get("status", sent.status)
        sent.body += message.get("body", b"")

    await Delivery(state, _OURS, scope)(scope, cast(Receive, receive), cast(Send, send))
    return sent


async def _answers(folder: Path, *bodies: bytes) -> list[_Sent]:
    settings = Settings.model_validate({"models": copies_of_stories(folder)[:1]})
    registry = assemble(settings)
    state = create_state(registry, settings)
    await registry.start()
    try:
        return [await _call(state, body) for body in bodies]
    finally:
        await registry.close()


def test_a_dialect_says_how_bodies_streams_and_errors_look(tmp_path: Path) -> None:
    whole, streamed, wrong, too_long, broken = asyncio.run(
        _answers(
            tmp_path,
            b'{"q": "Once"}',
            b'{"q": "Once", "streams": true}',
            b'{"q": 1}',
            b'{"q": "%b", "streams": true}' % (b"Once " * 1000),
            b'{"q": "Once", "streams": true, "breaks": true}',
        )
    )
    assert (whole.status, whole.body) == (200, b"450 tokens")
    assert (streamed.status, streamed.body[:2], streamed.body[-2:]) == (200, b"<+", b".>")
    assert (wrong.status, wrong.body, wrong.record.error_code) == (418, b"oops: invalid_request", "invalid_request")
    assert (too_long.status, too_long.body) == (418, b"oops: context_length_exceeded")
    assert (broken.status, broken.record.error_code) == (200, "internal_error")
    assert broken.body.startswith(b"<+") and broken.body.endswith(b"!it broke")
