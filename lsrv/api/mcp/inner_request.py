"""A request to this server's own gate on behalf of a client: the same keys, limits, logs and metrics as its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from litestar.types import ASGIApp, Message, Scope

_KEPT = (b"host", b"origin", b"authorization", b"x-api-key")


async def ask_inside(
    app: ASGIApp, outer: Mapping[str, Any], method: str, target: str, body: object
) -> tuple[int, bytes]:
    """Status and body of the answer at `target`, for the client of the scope `outer`; ends with whoever waits."""
    path, _, query = target.partition("?")
    raw = b"" if method == "GET" else msgspec.json.encode(body)
    headers = [pair for pair in outer["headers"] if pair[0] in _KEPT]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    scope: dict[str, Any] = {
        **outer,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "state": {},
    }
    for name in ("app", "route_handler", "path_params", "path_template", "litestar_app", "_ls_connection_state"):
        scope.pop(name, None)
    parts: list[bytes] = []
    status = 500
    is_read = False

    async def receive() -> Any:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()  # a client that leaves cancels all of this
        is_read = True
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message["body"])

    await app(cast("Scope", scope), receive, send)
    return status, b"".join(parts)
