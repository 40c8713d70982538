"""Answers one generation request with a model's own events: source, reply, metrics.

Every batch of events becomes one write. The source is left before the last bytes are returned.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from lsrv.api.answers.account import Account
from lsrv.api.answers.progress import ChoiceProgress
from lsrv.api.answers.wait_comment import wait_words
from lsrv.api.dialects.contract import DialectRequest, Heading, Reply
from lsrv.api.http.request_record import RequestRecord
from lsrv.api.state import ServerState
from lsrv.config import ModelSettings
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Delta, Finished
from lsrv.registry import Target
from lsrv.serving.adapters import chosen_adapters
from lsrv.serving.choice_streams import ChoiceEvent
from lsrv.serving.defaults import commands_of
from lsrv.serving.shadow.transcript import Transcript, texts_in
from lsrv.serving.sources import CacheUse, EventSource, Sources


class Generation:
    """The answer of `target` to one generation request. Raises RequestError for adapters it does not offer."""

    def __init__(
        self,
        state: ServerState,
        request: DialectRequest,
        target: Target,
        record: RequestRecord,
        use: CacheUse,
        transcript: Transcript | None = None,
    ) -> None:
        self._state = state
        self._request = request
        self._target = target
        self._record = record
        self._listed_id = state.registry.settings_of(target.model_id).listed_id
        self._adapters = chosen_adapters(request.adapters, target.adapter, state.registry.adapters.of(target.model_id))
        self._account = Account(state.metrics.of(target.model_id), record)
        self._turn = state.turn(target.model_id, request.priority, request.keep_alive_s)
        self._transcript = transcript
        self._use: CacheUse = use if request.uses_response_cache else "off"

    async def body(self) -> bytes:
        """The whole answer."""
        progress = ChoiceProgress(self._request, self._account)
        async with await self._find() as source:
            self._account.leased()
            ends = await source.ends()
            progress.finish(ends)
            self._hear(list(enumerate(ends)))
            return self._reply().body(ends)

    async def stream(self, write: Callable[[bytes], Awaitable[None]]) -> bytes:
        """Writes all events but the last batch, and returns that."""
        progress = ChoiceProgress(self._request, self._account)
        async with await self._find() as source:
            self._account.leased()
            reply = self._reply()
            unsent = reply.head()
            while True:
                batch = await source.next_batch()
                progress.take(batch)
                self._hear(batch)
                data = _written(reply, batch)
                if progress.is_complete:
                    return unsent + data + reply.tail(progress.ends)
                if data:
                    await write(unsent + data)
                    unsent = b""

    def comment(self) -> str:
        """Whose turn it is, and how far the load is that the client waits for."""
        return wait_words(self._state.registry.standing(self._target.model_id, self._turn))

    def _hear(self, batch: Sequence[ChoiceEvent]) -> None:
        if self._transcript is not None:
            self._transcript.add(texts_in(batch))

    async def _find(self) -> AbstractAsyncContextManager[EventSource]:
        """Where the events come from."""
        sources = Sources(self._state.registry, self._state.responses)
        found = await sources.find(self._target.model_id, self._commands, self._adapters, self._use, self._turn)
        self._account.is_cached = found.is_hit is True
        self._record.is_cache_hit = found.is_hit
        return found.source

    def _commands(self, settings: ModelSettings) -> list[Generate]:
        seed = self._state.settings.global_.seed
        return commands_of(self._request, settings.defaults, self._adapters, seed, self._turn.priority)

    def _reply(self) -> Reply:
        adapter, listed_id = self._target.adapter, self._listed_id
        model_id = listed_id if adapter is None else f"{listed_id}:{adapter}"
        heading = Heading(model_id, int(time.time()), self._account.is_cached, self._turn.priority)
        return self._request.make_reply(heading)


def _written(reply: Reply, batch: list[ChoiceEvent]) -> bytes:
    parts: list[bytes] = []
    for index, event in batch:
        if isinstance(event, Delta):
            parts.append(reply.delta(index, event))
        elif isinstance(event, Finished):
            parts.append(reply.finish(index, event))
    return b"".join(parts)
