"""One request to a remote server: an answer in one piece, or chunks as they come. Knows JSON and events, no models."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import msgspec

from lsrv.registry.endpoints.endpoint import OpenAIBody
from lsrv.registry.upstream.connection import UpstreamConnection, UpstreamResponse
from lsrv.registry.upstream.failures import Server, event_error, nonsense
from lsrv.registry.upstream.sse import EventParser, EventTooLongError

_MAX_ANSWER_BYTES = 256 * 1024 * 1024  # 2048 vectors of 4096 numbers
_MAX_EVENT_BYTES = 8 * 1024 * 1024
_DONE = b"[DONE]"


async def ask(connection: UpstreamConnection, server: Server, path: str, body: OpenAIBody) -> OpenAIBody:
    """The answer to `body`. Raises an UpstreamError."""
    async with connection.post(path, body) as answer:
        found = _decoded(server, await answer.read(_MAX_ANSWER_BYTES))
    if found.get("error") is not None:
        raise event_error(server, found["error"])
    return found


@contextlib.asynccontextmanager
async def open_stream(
    connection: UpstreamConnection, server: Server, path: str, body: OpenAIBody
) -> AsyncGenerator[AsyncIterator[list[OpenAIBody]]]:
    """Chunks of the answer to `body`, in batches as they come. Leaving the block early cancels the request.

    Raises an UpstreamError, also if the stream ends before its end.
    """
    async with connection.post(path, body) as answer:
        if answer.content_type != "text/event-stream":
            raise nonsense(server, f"answered a stream with {server.quoted(answer.content_type) or 'something'}")
        yield _batches(server, answer)


async def _batches(server: Server, answer: UpstreamResponse) -> AsyncIterator[list[OpenAIBody]]:
    parser, ends = EventParser(_MAX_EVENT_BYTES), _Ends()
    async for received in answer.chunks():
        try:
            events = parser.feed(received)
        except EventTooLongError:
            raise nonsense(server, f"sent an event of more than {_MAX_EVENT_BYTES} bytes") from None
        is_done = _DONE in events
        batch = [_decoded(server, event) for event in (events[: events.index(_DONE)] if is_done else events)]
        failed = next((chunk for chunk in batch if chunk.get("error") is not None), None)
        if failed is not None:
            raise event_error(server, failed["error"])
        for chunk in batch:
            ends.note(chunk)
        if batch:
            yield batch
        if is_done:
            return
    if not ends.are_complete:
        raise event_error(server, "the stream ended before the answer did")


class _Ends:
    """Which choices have ended: some servers say no [DONE]."""

    def __init__(self) -> None:
        self._has_ended: dict[object, bool] = {}

    def note(self, chunk: OpenAIBody) -> None:
        choices = chunk.get("choices")
        for choice in cast("list[object]", choices) if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                read = cast("OpenAIBody", choice)
                index = str(read.get("index", 0))
                self._has_ended[index] = read.get("finish_reason") is not None or self._has_ended.get(index, False)

    @property
    def are_complete(self) -> bool:
        return bool(self._has_ended) and all(self._has_ended.values())


def _decoded(server: Server, data: bytes) -> OpenAIBody:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise nonsense(server, "sent what is no JSON") from None
    if not isinstance(found, dict):
        raise nonsense(server, "sent what is no JSON object")
    return cast("OpenAIBody", found)
