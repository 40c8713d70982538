"""A request's hold on an upstream: its place there, and what may be asked of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, TypeVar

import msgspec

from lsrv.config import ModelSettings
from lsrv.errors import UnsupportedCapabilityError, from_info
from lsrv.protocol.commands import Detokenize, Embed, Generate, Tokenize
from lsrv.protocol.events import Described, Detokenized, Embedded, Finished, Reranked, StreamEvent, Tokenized
from lsrv.registry.endpoints.endpoint import OpenAIBody
from lsrv.registry.entries import refusals
from lsrv.registry.offered_adapters import OfferedAdapter
from lsrv.registry.upstream.failures import Server, nonsense
from lsrv.registry.upstream.openai_words import Reading, embedded, path_and_body, reranked

_Read = TypeVar("_Read")


class Calls(Protocol):
    """The endpoint, as its leases see it."""

    async def ask(self, path: str, body: OpenAIBody) -> OpenAIBody: ...
    def open_stream(
        self, path: str, body: OpenAIBody
    ) -> AbstractAsyncContextManager[AsyncIterator[list[OpenAIBody]]]: ...


class UpstreamLease:
    """A hold on an entry that a remote server answers for, from `UpstreamEndpoint.acquire`."""

    def __init__(self, settings: ModelSettings, server: Server, calls: Calls) -> None:
        assert settings.upstream is not None
        self.settings = settings
        self._model = settings.upstream.model or settings.weights_id  # what the server calls it
        self._server = server
        self._calls = calls
        self._streams: list[UpstreamStream] = []

    @property
    def model_id(self) -> str:
        return self.settings.model_id

    @property
    def listed_id(self) -> str:
        return self.settings.listed_id

    async def relay(self, path: str, body: OpenAIBody) -> OpenAIBody:
        """The answer to an OpenAI body, in one piece; `model` is overwritten. Raises an UpstreamError."""
        return await self._calls.ask(path, body | {"model": self._model})

    def relay_stream(self, path: str, body: OpenAIBody) -> AbstractAsyncContextManager[AsyncIterator[list[OpenAIBody]]]:
        """The answer to an OpenAI body with `stream`, in batches of chunks. Raises an UpstreamError."""
        return self._calls.open_stream(path, body | {"model": self._model})

    def generate(self, command: Generate) -> UpstreamStream:
        """A generation, which starts when it is first read; closed with the lease at the latest."""
        stream = UpstreamStream(self._calls, self._server, *path_and_body(command, self._model))
        self._streams.append(stream)
        return stream

    async def embed(self, command: Embed) -> Embedded:
        """Vectors of the inputs, in order; how they are normalized is the server's choice."""
        inputs = command.inputs
        answer = await self._calls.ask(
            "embeddings", {"model": self._model, "input": inputs, "encoding_format": "float"}
        )
        return _checked(self._server, lambda: embedded(answer, len(inputs)))

    async def rerank(self, query: str, documents: list[str]) -> Reranked:
        """Scores of `documents`, in their order; how they are scaled is the server's choice."""
        answer = await self.relay("rerank", {"query": query, "documents": documents})
        return _checked(self._server, lambda: reranked(answer, len(documents)))

    async def load_adapter(self, adapter: OfferedAdapter) -> None:
        """Raises NothingToLoadError."""
        raise from_info(refusals.nothing_to_load(self.listed_id))

    async def tokenize(self, command: Tokenize) -> Tokenized:
        """Raises UnsupportedCapabilityError: OpenAI's API has no tokens."""
        raise self._no_tokens()

    async def detokenize(self, command: Detokenize) -> Detokenized:
        """Raises UnsupportedCapabilityError: OpenAI's API has no tokens."""
        raise self._no_tokens()

    async def describe(self) -> Described:
        """Raises UnsupportedCapabilityError: OpenAI's API tells of no template."""
        raise self._no_tokens()

    async def close(self) -> None:
        """Cancel what still runs over there."""
        for stream in self._streams:
            await stream.close()

    def _no_tokens(self) -> UnsupportedCapabilityError:
        return UnsupportedCapabilityError(
            f"model '{self.listed_id}' is answered by another server, whose tokens and template are not known here; "
            "name a model of this machine.",
            param="model",
        )


class UpstreamStream:
    """The events of one generation, read like a `RequestStream`: any number of Delta, then Finished."""

    def __init__(self, calls: Calls, server: Server, path: str, body: OpenAIBody) -> None:
        self._calls = calls
        self._server = server
        self._path, self._body = path, body
        self._stack = contextlib.AsyncExitStack()
        self._batches: AsyncIterator[list[OpenAIBody]] | None = None
        self._reading = Reading(_now_s())
        self._has_ended = False

    async def __aenter__(self) -> UpstreamStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def next_batch(self) -> list[StreamEvent]:
        """What has come, at least one event; an empty list once the stream has ended."""
        if self._has_ended:
            return []
        if self._batches is None:
            self._batches = await self._stack.enter_async_context(self._calls.open_stream(self._path, self._body))
        async for batch in self._batches:
            now_s = _now_s()
            deltas = _checked(self._server, lambda batch=batch, now_s=now_s: self._deltas(batch, now_s))
            if deltas:
                return deltas
        await self.close()
        return [self._reading.end()]

    async def finished(self) -> Finished:
        """The end with all of the text: for commands that do not stream."""
        answer = await self._calls.ask(self._path, self._body)
        self._has_ended = True
        return _checked(self._server, lambda: self._reading.whole(answer, _now_s()))

    def end_thoughts(self) -> bool:
        """A remote server can't be told."""
        return False

    async def close(self) -> None:
        """Cancel the request if it has not ended. Idempotent."""
        self._has_ended = True
        await self._stack.aclose()

    def _deltas(self, batch: list[OpenAIBody], now_s: float) -> list[StreamEvent]:
        return [delta for chunk in batch if (delta := self._reading.delta(chunk, now_s)) is not None]


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _checked(server: Server, read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except msgspec.ValidationError as error:
        raise nonsense(server, f"sent an answer that does not follow OpenAI's API ({error})") from None
