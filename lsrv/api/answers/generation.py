"""Answers one generation request with a model's own events: source, reply, metrics.

Every batch of events becomes one write. The source is left before the last bytes are returned.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from lsrv.api.answers.account import Account
from lsrv.api.answers.server_tools import WishedTools, box_of, wished_tools
from lsrv.api.answers.wait_comment import wait_words
from lsrv.api.dialects.contract import DialectRequest, Heading, Reply
from lsrv.api.http.request_record import RequestRecord
from lsrv.api.state import ServerState
from lsrv.protocol.events import Accepted, ChoiceEvent, Delta, Finished
from lsrv.registry import Target
from lsrv.response_cache import whole_answer
from lsrv.serving.entry_request import entry_request
from lsrv.serving.shadow.transcript import Transcript, calls_in, texts_in
from lsrv.serving.sources import CacheUse, EventSource, find_source
from lsrv.serving.tool_loop.source import tool_source
from lsrv.serving.usage import total_usage

_MANY_SCORES = 2048


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
        *,
        is_trusted: bool = False,
    ) -> None:
        registry, turn = state.registry, state.turn(target.model_id, request.priority, request.keep_alive_s)
        self._state = state
        self._request = request
        self._record = record
        self._transcript = transcript
        self._use: CacheUse = use if request.uses_response_cache else "off"
        self._asked = entry_request(registry, request, target, turn, state.settings.global_.seed)
        self._account = Account(state.metrics.of(target.model_id), record)
        listed_id = registry.settings_of(target.model_id).listed_id
        self._echoed_id = listed_id if target.adapter is None else f"{listed_id}:{target.adapter}"
        self._ends: dict[int, Finished] = {}  # of the choices that have ended
        self._tools: WishedTools | None = wished_tools(state, request, is_trusted=is_trusted)

    async def body(self) -> bytes:
        """The whole answer."""
        if self._tools is not None:
            return await self._body_of_rounds()
        async with await self._source() as source:
            self._account.leased()
            ends = await source.ends()
            self._hear(list(enumerate(ends)))
            self._account.count(total_usage(ends, self._request.n_choices))
        reply = self._reply()
        await self._before_end(ends)
        return await _written_whole(reply, ends)

    async def _body_of_rounds(self) -> bytes:
        """The same of an answer with tools: the reply hears what comes in its order, though nobody reads along."""
        events: list[ChoiceEvent] = []
        async with await self._source() as source:
            self._account.leased()
            reply = self._reply()
            while not self._ends:
                batch = await source.next_batch()
                self._hear(batch)
                self._written(reply, batch)
                events += batch
        ends = whole_answer(events)
        self._account.count(total_usage(ends, self._request.n_choices))
        await self._before_end(ends)
        return await _written_whole(reply, ends)

    async def stream(self, write: Callable[[bytes], Awaitable[None]]) -> bytes:
        """Writes all events but the last batch, and returns that."""
        async with await self._source() as source:
            self._account.leased()
            batch = await source.next_batch()
            reply = self._reply(_n_prompt_tokens(batch))
            unsent = reply.head()
            with self._state.running.under(self._request.control_id, source.end_thoughts):
                while True:
                    self._hear(batch)
                    data = self._written(reply, batch)
                    if len(self._ends) == len(self._request.commands):
                        break
                    if data:
                        await write(unsent + data)
                        unsent = b""
                    batch = await source.next_batch()

        ends = self._ended()
        await self._before_end(ends)
        return unsent + data + reply.tail(ends)

    def comment(self) -> str:
        """Whose turn it is, and how far the load is that the client waits for."""
        return wait_words(self._state.registry.standing(self._asked.model_id, self._asked.turn))

    async def _source(self) -> AbstractAsyncContextManager[EventSource]:
        """Where the events come from."""
        if self._tools is not None:
            box = await box_of(self._state, self._tools)
            return tool_source(self._state.registry, self._asked, box, self._tools.limits)
        found = await find_source(self._state.registry, self._state.responses, self._asked, self._use)
        self._account.is_cached = found.is_hit is True
        self._record.is_cache_hit = found.is_hit
        return found.source

    def _hear(self, batch: list[ChoiceEvent]) -> None:
        if self._transcript is not None:
            self._transcript.add(texts_in(batch), calls_in(batch))

    def _written(self, reply: Reply, batch: list[ChoiceEvent]) -> bytes:
        """`batch` in the client's words."""
        parts: list[bytes] = []
        has_text = False
        for index, event in batch:
            if isinstance(event, Delta):
                parts.append(reply.delta(index, event))
                has_text = has_text or event.progress is None
            elif isinstance(event, Finished):
                self._ends[index] = event
                parts.append(reply.finish(index, event))
                has_text = True
        if has_text:
            self._account.saw_text(time.perf_counter())
        return b"".join(parts)

    async def _before_end(self, ends: list[Finished]) -> None:
        """What the dialect has to do with the answer. The model is free again: it may take a disk's time."""
        if self._request.before_end is not None:
            await self._request.before_end(ends)

    def _ended(self) -> list[Finished]:
        """The ends of all choices, which are counted."""
        ends = [self._ends[index] for index in range(len(self._ends))]
        self._account.count(total_usage(ends, self._request.n_choices))
        return ends

    def _reply(self, n_prompt_tokens: int = 0) -> Reply:
        heading = Heading(
            self._echoed_id,
            int(time.time()),
            self._account.is_cached,
            self._asked.turn.priority,
            self._account.lease_wait_s,
            self._notes(),
            n_prompt_tokens,
        )
        return self._request.make_reply(heading)

    def _notes(self) -> tuple[str, ...]:
        """What was asked for and is not given. The log has each once."""
        request, of_tools = self._request, () if self._tools is None else tuple(self._tools.notes)
        if not (request.notes or of_tools) and request.n_ctx_wanted is None:
            return ()
        view, notes = self._state.registry.view(self._asked.model_id), request.notes + of_tools
        if request.n_ctx_wanted is not None and view.info is not None and request.n_ctx_wanted > view.info.n_ctx_seq:
            notes += (f"a context of {request.n_ctx_wanted} tokens: this model runs with {view.info.n_ctx_seq}",)
        for note in notes:
            self._state.notes.tell(note, self._record.request_id, view.listed_id)
        return notes


def _n_prompt_tokens(batch: list[ChoiceEvent]) -> int:
    """What the first events tell of the prompt; 0: nothing."""
    accepted = (event.n_prompt_tokens for _, event in batch if isinstance(event, Accepted))
    ended = (event.usage.n_prompt_tokens for _, event in batch if isinstance(event, Finished))
    return max((*accepted, *ended), default=0)


async def _written_whole(reply: Reply, ends: list[Finished]) -> bytes:
    """An answer that did not stream. Thousands of log-probabilities are written beside the event loop."""
    n_scores = sum(len(end.prompt_logprobs) + len(end.logprobs or ()) for end in ends)
    return reply.body(ends) if n_scores < _MANY_SCORES else await asyncio.to_thread(reply.body, ends)
