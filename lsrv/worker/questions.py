"""What models of every kind answer at once: tokens, how busy they are, and what they can't do."""

from __future__ import annotations

import functools

from lsrv.chat.templates.hiding import Rendered
from lsrv.engine.embedding import EmbeddingEngine
from lsrv.engine.engine import Engine
from lsrv.protocol.commands import Describe, Detokenize, Request, Tokenize
from lsrv.protocol.events import Event, Heartbeat, ModelInfo, PrefixCacheUse, Tokenized
from lsrv.worker.beside import Beside
from lsrv.worker.examination import Examination
from lsrv.worker.intake import Intake
from lsrv.worker.length import size_of
from lsrv.worker.refusal import refusal
from lsrv.worker.rendering import Rendering


class Questions:
    """Answers what every model does: tokens of text, text of tokens."""

    def __init__(
        self, intake: Intake, rendering: Rendering, examination: Examination, beside: Beside, info: ModelInfo
    ) -> None:
        self._intake = intake
        self._examination = examination
        self._rendering = rendering
        self._beside = beside
        self._info = info

    async def answer(self, question: Request) -> list[Event]:
        """What can be said of it; a request of the wrong kind is told so. Raises LsrvError."""
        match question:
            case Tokenize():
                given = Rendered(question.text or "")
                if question.messages is not None:
                    given = await self._rendering.prompt(question, await self._examination.form())
                if question.media:
                    tokens, _ = await self._intake.with_media(question, given.text, given.spelled)
                    return [Tokenized(question.request_id, tokens.tolist(), [], given.text)]
                work = functools.partial(self._intake.tokenized, question, given)
                return [await self._beside.run(size_of(given.text), work)]
            case Detokenize():
                work = functools.partial(self._intake.detokenized, question)
                return [await self._beside.run(size_of(question.tokens), work)]
            case Describe():
                source = self._intake.template_source
                sampling = self._intake.default_sampling()
                return [await self._examination.described(question.request_id, self._info, source, sampling)]
            case _:
                raise refusal(question, self._info)


def heartbeat_of(engine: Engine | EmbeddingEngine, cache: PrefixCacheUse | None) -> Heartbeat:
    counts = engine.counts
    return Heartbeat(
        n_slots_busy=engine.n_running,
        n_waiting=engine.n_waiting,
        n_steps=counts.n_steps,
        n_prefill_tokens=counts.n_prefill_tokens,
        n_decode_tokens=counts.n_decode_tokens,
        n_cached_tokens=counts.n_cached_tokens,
        compute_s=counts.compute_s,
        overhead_s=counts.overhead_s,
        cache=cache,
    )
