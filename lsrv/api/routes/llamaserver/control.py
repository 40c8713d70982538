"""`POST /v1/chat/completions/control`: act on a chat that is being written, by the id that its chunks carry."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.http.body import decode_body
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState
from lsrv.echo import echo
from lsrv.errors import RequestError

REASONING_END = "reasoning_end"


class ControlBody(msgspec.Struct, kw_only=True):
    """`action`: reasoning_end, the one there is. The id says which model it is, so that `model` changes nothing."""

    id: str = ""
    action: str = ""
    model: str | None = None


_decoder = msgspec.json.Decoder(ControlBody)


async def control_chat(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Whether somebody was told. That an answer is over is no error: whoever acts on one may be late."""
    body = decode_body(_decoder, await body_of(request, server))
    if not body.id:
        raise RequestError("missing completion id: the id of the chunks, such as chatcmpl-…", param="id")
    if body.action != REASONING_END:
        raise RequestError(
            f"unknown control action {echo(body.action)!r}; there is {REASONING_END}, which ends the thoughts.",
            param="action",
        )
    if server.running.end_thoughts(body.id):
        return json_response(b'{"success":true}')
    return json_response(
        b'{"success":false,"message":"no active completion for this id that was asked with reasoning_control: true"}'
    )


ROUTES = (
    Route(
        "POST",
        "/v1/chat/completions/control",
        control_chat,
        "Let a chat that is being written think no longer",
        body=ControlBody,
    ),
)
