"""Answers a request in OpenAI's words through an upstream that speaks them, too: bodies and events keep every field."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from lsrv.api.answers.account import Account
from lsrv.api.answers.wait_comment import WAITING
from lsrv.api.dialects.contract import DONE
from lsrv.api.dialects.openai.forward import Incoming, JsonBody, outgoing, priority_in, read_body, without_own_fields
from lsrv.api.http.request_record import RequestRecord
from lsrv.api.state import ServerState
from lsrv.config import ModelSettings
from lsrv.model_id import ModelId
from lsrv.protocol.events import Usage
from lsrv.registry import Lease, reported_calls, reported_texts, reported_usage, says_something
from lsrv.serving.kept_bodies import KeptBodies
from lsrv.serving.kept_pieces import PieceCache
from lsrv.serving.shadow.transcript import Transcript
from lsrv.serving.sources import CacheUse

_MAX_HELD = 64  # chunks that say nothing: beyond, who sends them is not asked to keep them


class Relay:
    """The answer of the upstream `model_id` to `raw`, at `path` below its base_url. Raises RequestError."""

    def __init__(
        self,
        state: ServerState,
        model_id: ModelId,
        path: str,
        raw: bytes,
        record: RequestRecord,
        use: CacheUse = "off",
        transcript: Transcript | None = None,
    ) -> None:
        self._state = state
        self._record = record
        self._model_id = model_id
        self._listed_id = state.registry.settings_of(model_id).listed_id  # also once the entry was removed
        self._path = path
        body = read_body(raw)
        self._body = without_own_fields(body)
        use = use if body.get("response_cache") is not False else "off"
        self._kept = KeptBodies(PieceCache(state.registry, state.responses, model_id, use), path)
        self._turn = state.turn(model_id, priority_in(body))
        self._account = Account(state.metrics.of(model_id), record)
        self._usage: Usage | None = None
        self._transcript = transcript

    async def body(self) -> bytes:
        """The whole answer."""
        question = await self._kept.ask(self._asked(), is_streaming=False)
        self._record.is_cache_hit = question.is_hit
        if question.kept is not None:
            answer = question.kept[0]
            self._account.is_cached = True
        else:
            async with self._state.registry.acquire(self._model_id, self._turn) as lease:
                self._account.leased()
                answer = await lease.relay(self._path, self._outgoing(lease))
            await question.keep([answer])
        self._note(answer)
        self._count()
        return self._incoming().body(answer | self._mark(question.is_hit))

    async def stream(self, write: Callable[[bytes], Awaitable[None]]) -> bytes:
        """Writes what comes as it comes; the end that is returned says no more than that it is one."""
        question = await self._kept.ask(self._asked(), is_streaming=True)
        self._record.is_cache_hit = question.is_hit
        if question.kept is not None:
            self._account.is_cached = True
            for chunk in question.kept:
                self._note(chunk)
            await write(b"".join(map(self._incoming().event, question.kept)))
        else:
            await question.keep(await self._streamed(write, wants_all=question.is_hit is not None))
        self._count()
        return DONE

    async def _streamed(self, write: Callable[[bytes], Awaitable[None]], wants_all: bool) -> list[JsonBody]:
        """Write what comes; all of it is returned for who keeps it."""
        every: list[JsonBody] = []
        incoming = self._incoming()
        async with self._state.registry.acquire(self._model_id, self._turn) as lease:
            self._account.leased()
            async with lease.relay_stream(self._path, self._outgoing(lease)) as batches:
                held: list[JsonBody] = []  # until there is something of an answer: another one may give it instead
                has_begun = False
                async for batch in batches:
                    for chunk in batch:
                        self._note(chunk)
                    every += batch if wants_all else []
                    held += batch
                    has_begun = has_begun or len(held) > _MAX_HELD or any(map(says_something, batch))
                    if has_begun:
                        self._account.saw_text(time.perf_counter())
                        await write(b"".join(map(incoming.event, held)))
                        held = []
                if held:
                    await write(b"".join(map(incoming.event, held)))
        return every

    def comment(self) -> str:
        """No more than that it waits."""
        return WAITING

    def _outgoing(self, lease: Lease) -> JsonBody:
        return self._filled(lease.settings)

    def _asked(self) -> JsonBody:
        return self._filled(self._state.registry.settings_of(self._model_id))

    def _filled(self, settings: ModelSettings) -> JsonBody:
        if self._path not in ("chat/completions", "completions"):
            return self._body
        return outgoing(self._body, settings.defaults, self._state.settings.global_.seed)

    def _incoming(self) -> Incoming:
        return Incoming(self._path, self._listed_id, int(time.time()))

    def _mark(self, is_hit: bool | None) -> JsonBody:
        """What an answer says that cost nothing anew; lists of vectors and scores have no word for it."""
        return {"cached": True} if is_hit and self._path in ("chat/completions", "completions") else {}

    def _note(self, chunk: JsonBody) -> None:
        self._usage = reported_usage(chunk) or self._usage
        if self._transcript is not None:
            self._transcript.add(reported_texts(chunk), reported_calls(chunk))

    def _count(self) -> None:
        if self._usage is not None:  # OpenAI's streams tell it to those who ask for it (stream_options)
            self._account.count(self._usage)
