"""Requests to this process's own handlers: ASGI in memory, through the gate, with no socket between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, cast

import msgspec

from lsrv.errors import FieldValue
from lsrv.runner.runner_error import RunnerError

ASGIMessage = MutableMapping[str, Any]
AnyASGIApp = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send

_N_PARTS = 64  # of an answer that nobody has taken yet; whoever writes more of it waits
_DONE = b"[DONE]"

_encode = msgspec.json.Encoder().encode


class Handlers:
    """The routes of one server state, asked as a client on this machine asks them."""

    def __init__(self, app: AnyASGIApp, key: str | None) -> None:
        self._app = app
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        self._headers = headers if key is None else [*headers, (b"authorization", f"Bearer {key}".encode())]

    async def ask(self, method: str, path: str, body: object = None) -> bytes:
        """The body of the whole answer. Raises RunnerError for any status from 400 on."""
        exchange = _Exchange(self._app, self._scope(method, path), body)
        try:
            status = await exchange.status()
            answer = b"".join([part async for part in exchange.parts()])
        finally:
            await exchange.end()
        if status >= 400:
            raise _error_of(answer, status)
        return answer

    async def events(self, path: str, body: object) -> AsyncGenerator[bytes]:
        """The data of each event of a stream, without the closing [DONE]. Whoever stops taking them ends the request.

        Raises RunnerError for an error before the stream, and within it.
        """
        async with contextlib.aclosing(self._cut(path, body, b"\n\n")) as events:
            async for event in events:
                data = b"\n".join(line[5:].lstrip() for line in event.split(b"\n") if line.startswith(b"data:"))
                if data == _DONE:
                    return
                if data.startswith(b'{"error"'):
                    raise _error_of(data, 500)
                if data:  # else a comment: the server is alive
                    yield data

    async def lines(self, path: str, body: object) -> AsyncGenerator[bytes]:
        """Each line of an answer that comes line by line. Raises RunnerError for an error before the first one."""
        async with contextlib.aclosing(self._cut(path, body, b"\n")) as lines:
            async for line in lines:
                yield line

    async def _cut(self, path: str, body: object, border: bytes) -> AsyncGenerator[bytes]:
        """What comes between `border`s, as it comes."""
        exchange, rest = _Exchange(self._app, self._scope("POST", path), body), b""
        try:
            status = await exchange.status()
            if status >= 400:
                raise _error_of(b"".join([part async for part in exchange.parts()]), status)
            async for part in exchange.parts():
                *pieces, rest = (rest + part).split(border)
                for piece in pieces:
                    yield piece
        finally:
            await exchange.end()

    def _scope(self, method: str, target: str) -> ASGIMessage:
        path, _, query = target.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": self._headers,
            "client": None,
            "server": None,
            "extensions": {},
            "state": {},
        }


class _Exchange:
    """One request and its answer, part by part."""

    def __init__(self, app: AnyASGIApp, scope: ASGIMessage, body: object) -> None:
        self._body: bytes | None = b"" if body is None else _encode(body)
        self._has_left = asyncio.Event()
        self._parts = asyncio.Queue[ASGIMessage | None](_N_PARTS)
        self._task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: AnyASGIApp, scope: ASGIMessage) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            if not self._has_left.is_set():
                await self._parts.put(None)

    async def _receive(self) -> dict[str, object]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: ASGIMessage) -> None:
        if not self._has_left.is_set():
            await self._parts.put(message)

    async def status(self) -> int:
        message = await self._parts.get()
        if message is None or message["type"] != "http.response.start":
            await self._task  # raises what ended it
            raise RunnerError("The request ended without an answer.", code="internal_error", status=500)
        return message["status"]

    async def parts(self) -> AsyncIterator[bytes]:
        while (message := await self._parts.get()) is not None:
            if message["type"] == "http.response.body":
                yield message["body"]
                if not message.get("more_body", False):
                    return

    async def end(self) -> None:
        """The client has what it wants, or has left: then the handler learns it as from a closed connection."""
        self._has_left.set()
        while not self._parts.empty():
            self._parts.get_nowait()  # who waits to send goes on, to nobody
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # told where it was raised


def _error_of(answer: bytes, status: int) -> RunnerError:
    """What OpenAI's error object says."""
    try:
        said = cast("dict[str, FieldValue]", msgspec.json.decode(answer)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return RunnerError(answer.decode(errors="replace")[:500], code="internal_error", status=status)
    known = ("message", "type", "code", "param")
    return RunnerError(
        str(said.get("message")),
        code=str(said.get("code") or said.get("type")),
        status=status,
        param=cast("str | None", said.get("param")),
        fields={name: value for name, value in said.items() if name not in known},
    )
