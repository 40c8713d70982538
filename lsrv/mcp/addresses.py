"""A server at an address: the SDK's streamable HTTP, with a bound on what one answer may hold."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING

import httpx2
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CONNECT_S = 10.0


class AnswerTooLong(httpx2.TransportError):
    """More came than anybody will read."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n_bytes = 0
        async for chunk in self._inner:
            n_bytes += len(chunk)
            if n_bytes > MAX_ANSWER_BYTES:
                raise AnswerTooLong(f"an answer is longer than {MAX_ANSWER_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Events of a stream are bounded one by one by the SDK; whole answers are here."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if "text/event-stream" not in response.headers.get("content-type", ""):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Bounded(response.stream)
        return response


@contextlib.asynccontextmanager
async def address_streams(url: str, headers: Mapping[str, str], timeout_s: float) -> AsyncGenerator[TransportStreams]:
    """What the server at `url` says and is told, as messages."""
    timeout = httpx2.Timeout(_CONNECT_S, read=max(timeout_s, _CONNECT_S) + 5.0)
    async with (
        httpx2.AsyncClient(headers=dict(headers), timeout=timeout, transport=_BoundedTransport()) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=MAX_ANSWER_BYTES) as streams,
    ):
        yield streams
