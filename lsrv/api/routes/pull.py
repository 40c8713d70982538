"""`POST /api/pull`: get weights through a running server, with progress as Ollama's clients expect it.

One JSON object per line; the last is {"status": "success"} or {"error": …}.
https://github.com/ollama/ollama/blob/main/docs/api.md#pull-a-model
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec
from litestar import Response
from litestar.response import Stream

from lsrv.api.http.access import Needs
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import error_message
from lsrv.api.http.receive import until_disconnect
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import JSON, Route
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError
from lsrv.registry import BuildProgress


class PullBody(msgspec.Struct):
    """`name` is what older clients call `model`; "OWNER/NAME:QUANT", with or without "hf.co/"."""

    model: str | None = None
    name: str | None = None
    stream: bool = True


_LINES = "application/x-ndjson"

_decoder = msgspec.json.Decoder(PullBody)
_encode = msgspec.json.Encoder().encode


async def pull_model(request: ApiRequest, server: ServerState) -> Stream | Response[bytes]:
    body = decode_body(_decoder, await body_of(request, server))
    steps = server.registry.pull(body.model or body.name or "")
    if body.stream:
        return Stream(_lines(steps), media_type=_LINES)
    await until_disconnect(request.receive, _to_the_end(steps))
    return json_response(_encode({"status": "success"}))


async def _lines(steps: AsyncGenerator[BuildProgress]) -> AsyncGenerator[bytes]:
    try:
        async for step in steps:
            yield _encode(_line(step)) + b"\n"
    except LsrvError as error:
        yield _encode({"error": error_message(error)}) + b"\n"
    else:
        yield b'{"status":"success"}\n'


def _line(step: BuildProgress) -> dict[str, object]:
    line: dict[str, object] = {"status": f"{step.stage} {step.what}"}
    if step.n_bytes_total:
        line |= {"digest": step.what, "total": step.n_bytes_total, "completed": step.n_bytes}
    return line


async def _to_the_end(steps: AsyncGenerator[BuildProgress]) -> None:
    async for _ in steps:
        pass


ROUTES = (
    Route(
        "POST",
        "/api/pull",
        pull_model,
        "Get weights onto this disk; a line for every step, unless `stream` is false",
        body=PullBody,
        needs=Needs.ADMIN_KEY,
        media_types=(_LINES, JSON),
    ),
)
