"""What a handler is: it gets a request and the server, and gives an answer. `Route` says which one answers what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State
from litestar.types import ASGIApp

from lsrv.api.http.receive import read_body
from lsrv.api.state import ServerState

ApiRequest = Request[Any, Any, State]
HandlerAnswer = Response[Any] | ASGIApp  # a whole one, or one that writes itself while it comes into being
Handler = Callable[[ApiRequest, ServerState], Awaitable[HandlerAnswer]]


def json_response(body: bytes, status: int = 200) -> Response[bytes]:
    return Response(body, status_code=status, media_type="application/json")


async def body_of(request: ApiRequest, server: ServerState) -> bytes:
    """The request's raw body, below the server's limit."""
    return await read_body(request.scope, request.receive, server.settings.server.max_body_bytes)
