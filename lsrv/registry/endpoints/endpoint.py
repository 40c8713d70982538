"""What serves an entry, whatever it is, and a request's hold on it. What one of them can't do, its error says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lsrv.config import ModelSettings
from lsrv.errors import ErrorInfo
from lsrv.model_id import ModelId
from lsrv.protocol.commands import Detokenize, Embed, Generate, Tokenize
from lsrv.protocol.events import Described, Detokenized, Embedded, Finished, Reranked, StreamEvent, Tokenized
from lsrv.registry.endpoints.waiting import Standing, Turn
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.view import EntryView
from lsrv.registry.offered_adapters import OfferedAdapter

OpenAIBody = dict[str, object]  # a request, an answer or a chunk, with whatever fields it has


class EventReader(Protocol):
    """The events of one generation."""

    async def next_batch(self) -> list[StreamEvent]:
        """The next events; an empty list once the generation has ended. Raises the LsrvError that ended it."""
        ...

    async def finished(self) -> Finished:
        """The end with all of the text: for commands that do not stream."""
        ...

    def end_thoughts(self) -> bool:
        """Let the model think no longer; whether it could be told."""
        ...


class Lease(Protocol):
    """A request's place at an endpoint. Ids of requests in commands are overwritten; what runs ends with the lease."""

    @property
    def settings(self) -> ModelSettings: ...
    @property
    def model_id(self) -> str: ...
    @property
    def listed_id(self) -> str: ...

    def generate(self, command: Generate) -> EventReader:
        """Start a generation. Raises UnsupportedParameterError."""
        ...

    async def embed(self, command: Embed) -> Embedded:
        """Vectors of the inputs, in order."""
        ...

    async def rerank(self, query: str, documents: list[str]) -> Reranked:
        """How well each of `documents` answers `query`, in their order."""
        ...

    async def tokenize(self, command: Tokenize) -> Tokenized:
        """Tokens of a text or of a rendered chat."""
        ...

    async def detokenize(self, command: Detokenize) -> Detokenized:
        """The text of its tokens."""
        ...

    async def describe(self) -> Described:
        """What is known of how chats with the model look."""
        ...

    async def load_adapter(self, adapter: OfferedAdapter) -> None:
        """Have requests choose an adapter from now on. Raises BuildError, LoadFailedError, NothingToLoadError."""
        ...

    async def relay(self, path: str, body: OpenAIBody) -> OpenAIBody:
        """The answer to an OpenAI body, unread but for its `model`. Raises where no such body is taken."""
        ...

    def relay_stream(self, path: str, body: OpenAIBody) -> AbstractAsyncContextManager[AsyncIterator[list[OpenAIBody]]]:
        """The same with `stream`: batches of chunks."""
        ...


class Endpoint(Protocol):
    """A worker of this machine, or a remote server."""

    @property
    def settings(self) -> ModelSettings: ...

    @property
    def takes_openai_bodies(self) -> bool:
        """Whether its leases relay bodies in OpenAI's words."""
        ...

    @property
    def sends_away(self) -> bool:
        """Whether requests leave this machine: they may cost money, and what was sent can't be taken back."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether no request runs or waits."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether it is neither being loaded nor unloaded."""
        ...

    @property
    def adapters(self) -> tuple[OfferedAdapter, ...]:
        """What requests may choose, in the order it came."""
        ...

    def view(self) -> EntryView:
        """A snapshot. Loads and wakes nothing."""
        ...

    def standing(self, turn: Turn) -> Standing | None:
        """Where a request stands; None where nothing is known of its wait."""
        ...

    def acquire(self, turn: Turn) -> AbstractAsyncContextManager[Lease]:
        """A place, once it is this request's turn. Raises why there is none."""
        ...

    async def load(self) -> EntryView:
        """Make it ready, and wait for the end of that, good or bad. Past failures are forgotten."""
        ...

    async def unload(self, *, force: bool) -> EntryView:
        """Free its memory, once running requests have ended or at once. Raises NothingToLoadError."""
        ...

    async def set_enabled(self, is_enabled: bool) -> EntryView:
        """Serve, or refuse requests from now on."""
        ...

    async def end_all(self, error: ErrorInfo) -> None:
        """End what runs and waits with `error`, and free its memory."""
        ...

    def entry(self) -> Entry:
        """What only models of this machine have: weights, a worker, its log. Raises NothingToLoadError."""
        ...


class EndpointFamily(Protocol):
    """All endpoints of one kind."""

    def __iter__(self) -> Iterator[Endpoint]:
        """Endpoints that serve, and those that are on their way out."""
        ...

    def get(self, model_id: ModelId) -> Endpoint | None:
        """What serves an entry; None if that is no business of this family."""
        ...

    async def close(self) -> None:
        """Leave nothing behind. After `end_all` of each."""
        ...
