"""`POST /api/pull`: get weights through a running server, with progress as Ollama's clients expect it.

One JSON object per line; the last is {"status": "success"} or {"error": …}.
https://github.com/ollama/ollama/blob/main/docs/api.md#pull-a-model
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec
from litestar import Response
from litestar.response import Stream

from lsrv.api.dialects.ollama.progress import FIRST_LINE, LAST_LINE, progress_line
from lsrv.api.dialects.ollama.wording import OLLAMA_ERRORS, error_line, other_spellings
from lsrv.api.http.access import Needs
from lsrv.api.http.body import decode_body
from lsrv.api.http.receive import until_disconnect
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import JSON, LINES, Route
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError, RequestError
from lsrv.registry import BuildProgress


class PullBody(msgspec.Struct):
    """`name` is what older clients call `model`; "OWNER/NAME:QUANT", with or without "hf.co/"."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None


_decoder = msgspec.json.Decoder(PullBody)


async def pull_model(request: ApiRequest, server: ServerState) -> Stream | Response[bytes]:
    body = decode_body(_decoder, await body_of(request, server))
    asked = body.model or body.name
    if not asked:
        raise RequestError(
            'model is missing; name one of the Hub ("OWNER/NAME:QUANT") or of this server', param="model"
        )
    steps = server.registry.pull(server.registry.names.first_known((asked, *other_spellings(asked))) or "")
    if body.stream is not False:
        return Stream(_lines(steps), media_type=LINES)
    await until_disconnect(request.receive, _to_the_end(steps))
    return json_response(LAST_LINE)


async def _lines(steps: AsyncGenerator[BuildProgress]) -> AsyncGenerator[bytes]:
    yield FIRST_LINE
    try:
        async for step in steps:
            yield progress_line(step)
    except LsrvError as error:
        yield error_line(error)
    else:
        yield LAST_LINE


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
        media_types=(LINES, JSON),
        errors=OLLAMA_ERRORS,
        takes_curls_type=True,
    ),
)
