"""A request's hold on a loaded model: while it lasts, the model is not evicted, and the request counts as running."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from msgspec.structs import replace

from lsrv.config import ModelSettings
from lsrv.errors import CrashedError, UnsupportedCapabilityError
from lsrv.protocol.commands import (
    AdapterFile,
    Describe,
    Detokenize,
    Embed,
    Generate,
    LoadAdapter,
    Rerank,
    SingleRequest,
    Tokenize,
)
from lsrv.protocol.events import Described, Detokenized, Embedded, ModelInfo, Reranked, SingleAnswer, Tokenized
from lsrv.registry.endpoints.endpoint import OpenAIBody
from lsrv.registry.loading.loader import LoadedWorker
from lsrv.registry.loading.weights import find_adapter_file
from lsrv.registry.offered_adapters import OfferedAdapter
from lsrv.registry.workers.process import WorkerProcess
from lsrv.registry.workers.stream import RequestStream, SingleReply
from lsrv.threads import in_thread

_call_ids = itertools.count(1)
Regain = Callable[[], Awaitable[LoadedWorker]]  # another place, on a worker that lives


class WorkerLease:
    """A hold on an entry of this machine, by `WorkerEndpoint.acquire`. Its requests are one for `max_concurrency`."""

    def __init__(self, settings: ModelSettings, loaded: LoadedWorker, regain: Regain) -> None:
        self.settings = settings
        self._loaded = loaded
        self._regain = regain
        self._regaining: asyncio.Task[LoadedWorker] | None = None
        self._streams: list[RequestStream] = []
        self._call_id = next(_call_ids)

    @property
    def model_id(self) -> str:
        return self.settings.model_id

    @property
    def listed_id(self) -> str:
        return self.settings.listed_id

    @property
    def info(self) -> ModelInfo:
        return self._loaded.info

    def generate(self, command: Generate) -> RequestStream:
        """Start a generation; its ids are overwritten. The stream is closed with the lease at the latest."""
        stream = RequestStream(self._loaded.worker, replace(command, call_id=self._call_id), self._renew)
        self._streams.append(stream)
        return stream

    async def embed(self, command: Embed) -> Embedded:
        """Vectors of the inputs, in order; `request_id` is overwritten."""
        answer = await self._ask(command)
        assert isinstance(answer, Embedded)
        return answer

    async def rerank(self, query: str, documents: list[str]) -> Reranked:
        """How well each of `documents` answers `query`, in their order."""
        answer = await self._ask(Rerank(request_id=0, query=query, documents=documents))
        assert isinstance(answer, Reranked)
        return answer

    async def load_adapter(self, adapter: OfferedAdapter) -> None:
        """Have the worker offer an adapter. Raises BuildError, LoadFailedError.

        Not tried on another worker if this one dies: the adapter may be what it died of.
        """
        path = await in_thread(find_adapter_file, adapter, self._loaded.weights)
        await answer_of(self._loaded.worker, LoadAdapter(0, AdapterFile(adapter.name, str(path))))

    async def tokenize(self, command: Tokenize) -> Tokenized:
        """Tokens of a text or of a rendered chat; `request_id` is overwritten."""
        answer = await self._ask(command)
        assert isinstance(answer, Tokenized)
        return answer

    async def detokenize(self, command: Detokenize) -> Detokenized:
        """The text of its tokens."""
        answer = await self._ask(command)
        assert isinstance(answer, Detokenized)
        return answer

    async def describe(self) -> Described:
        """What is known of how chats with the model look."""
        answer = await self._ask(Describe(request_id=0))
        assert isinstance(answer, Described)
        return answer

    async def relay(self, path: str, body: OpenAIBody) -> OpenAIBody:
        """Raises UnsupportedCapabilityError: bodies are read here."""
        raise self._no_relay()

    def relay_stream(self, path: str, body: OpenAIBody) -> AbstractAsyncContextManager[AsyncIterator[list[OpenAIBody]]]:
        """Raises UnsupportedCapabilityError: bodies are read here."""
        raise self._no_relay()

    def close(self) -> None:
        """Abort what still runs. The registry calls this when the `async with` block ends."""
        for stream in self._streams:
            stream.close()
        if self._regaining is not None:
            self._regaining.cancel()

    def _no_relay(self) -> UnsupportedCapabilityError:
        return UnsupportedCapabilityError(
            f"model '{self.listed_id}' is answered on this machine since a moment; send the request again",
            param="model",
        )

    async def _ask(self, command: SingleRequest) -> SingleAnswer:
        worker = self._loaded.worker
        try:
            return await answer_of(worker, command)
        except CrashedError:
            return await answer_of(await self._renew(worker), command)

    async def _renew(self, dead: WorkerProcess) -> WorkerProcess:
        """A worker to replace `dead`; streams of one lease that lost the same worker share the wait."""
        if self._loaded.worker is dead:
            if self._regaining is None:
                self._regaining = asyncio.create_task(self._regain_place())
            await asyncio.shield(self._regaining)
        return self._loaded.worker

    async def _regain_place(self) -> LoadedWorker:
        try:
            self._loaded = await self._regain()
            return self._loaded
        finally:
            self._regaining = None


async def answer_of(worker: WorkerProcess, command: SingleRequest) -> SingleAnswer:
    """The single answer to `command`. Raises what the worker says against it, or how it died."""
    reply = SingleReply()
    request_id = worker.submit(command, reply)
    try:
        return await reply.future
    finally:
        worker.abort(request_id)
