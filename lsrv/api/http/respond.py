"""Whole responses over bare ASGI: JSON bodies and errors."""

from __future__ import annotations

from litestar.types import Send

from lsrv.api.http.errors import ErrorShape, error_response
from lsrv.errors import LsrvError

JSON = (b"content-type", b"application/json")


async def send_response(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def send_json(send: Send, body: bytes) -> None:
    await send_response(send, 200, [JSON], body)


async def send_error(send: Send, error: LsrvError, shape: ErrorShape) -> None:
    response = error_response(error, shape)
    await send_response(send, response.status, response.headers, response.body)
