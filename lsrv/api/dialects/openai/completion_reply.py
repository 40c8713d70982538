"""Events to `text_completion` bodies and SSE."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lsrv.api.dialects.contract import DONE, Heading
from lsrv.api.dialects.openai.best_of import best_choices
from lsrv.api.dialects.openai.chunk_frame import ChunkFrame
from lsrv.api.dialects.openai.heading import heading_fields, new_id
from lsrv.api.dialects.openai.legacy_logprobs import TextTokens
from lsrv.api.dialects.openai.prompt_logprobs import scored_prompt
from lsrv.api.dialects.openai.shared_fields import ReplyForm
from lsrv.api.dialects.openai.usage import timings_object, usage_object
from lsrv.protocol.events import Delta, Finished
from lsrv.serving.usage import total_usage

_encode = msgspec.json.Encoder().encode


class CompletionForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a body of this route alone says of its answer.

    `n_returned`: of each prompt's choices, the best ones. `n_top_logprobs`: beside each token's own; None: no logprobs.
    `echoed`: the prompts in front of answers, whose tokens' logprobs come first (None for one of token ids, whose text
    is just that of its tokens); None: they tell of no prompt.
    """

    n_returned: int = 1
    n_top_logprobs: int | None = None
    echoed: tuple[str | None, ...] | None = None

    def tokens(self, index_of_prompt: int) -> TextTokens:
        """The tokens of an answer to that prompt, before any has come."""
        return TextTokens(self.n_top_logprobs or 0, self.echoed[index_of_prompt] if self.echoed else None)

    def told(self, said: Delta | Finished, tokens: TextTokens) -> dict[str, object] | None:
        """The logprobs of what was said; None if they were not asked for, or there are none."""
        prompt = said.prompt_logprobs if self.echoed else []
        if self.n_top_logprobs is None or (said.logprobs is None and not prompt):
            return None
        return tokens.told(prompt, said.logprobs or [])


class CompletionReply:
    """One answer of `/v1/completions`."""

    def __init__(self, completion: CompletionForm, form: ReplyForm, heading: Heading) -> None:
        self._completion = completion
        self._form = form
        self._common = {"object": "text_completion", **heading_fields(heading, new_id("cmpl"), has_tier=form.has_tier)}
        self._tokens: dict[int, TextTokens] = {}
        self._frame = ChunkFrame(self._common, has_usage=form.has_usage, is_cached=heading.is_cached)

    def head(self) -> bytes:
        return b""

    def delta(self, index: int, delta: Delta) -> bytes:
        return self._chunk(index, delta, b"null")

    def finish(self, index: int, finished: Finished) -> bytes:
        """A choice's last chunk. Without a usage chunk it tells what the choice took."""
        last = self._chunk(index, finished, _encode(finished.finish_reason))
        if self._form.has_usage:
            return last
        return self._frame.with_counts(last, {"timings": timings_object(finished.usage)})

    def tail(self, finished: Sequence[Finished]) -> bytes:
        """A chunk without choices only for those who asked: OpenAI's own clients look into the first one of each."""
        if not self._form.has_usage:
            return DONE
        usage = total_usage(finished, self._form.n_choices)
        counts: dict[str, object] = {"timings": timings_object(usage), "usage": usage_object(usage)}
        return self._frame.counts_alone(counts) + DONE

    def body(self, finished: Sequence[Finished]) -> bytes:
        usage = total_usage(finished, self._form.n_choices)
        best = best_choices(finished, self._form.n_choices, self._completion.n_returned)
        choices = [self._choice(index, end) for index, end in enumerate(best)]
        counts = {"usage": usage_object(usage), "timings": timings_object(usage)}
        return _encode(self._common | {"choices": choices} | counts | self._frame.cached)

    def _choice(self, index: int, end: Finished) -> dict[str, object]:
        choice: dict[str, object] = {
            "index": index,
            "text": end.text,
            "logprobs": self._completion.told(end, self._completion.tokens(index // self._completion.n_returned)),
            "finish_reason": end.finish_reason,
        }
        n_top = self._form.n_prompt_logprobs
        return choice if n_top is None else choice | {"prompt_logprobs": scored_prompt(end.prompt_logprobs, n_top)}

    def _chunk(self, index: int, said: Delta | Finished, finish_reason: bytes) -> bytes:
        return b'%b{"index":%d,"text":%b,"logprobs":%b,"finish_reason":%b}%b' % (
            self._frame.head,
            index,
            _encode(said.text),
            b"null" if self._completion.n_top_logprobs is None else self._logprobs(index, said),
            finish_reason,
            self._frame.tail,
        )

    def _logprobs(self, index: int, said: Delta | Finished) -> bytes:
        tokens = self._tokens.get(index)
        if tokens is None:
            tokens = self._tokens[index] = self._completion.tokens(index // self._form.n_choices)
        return _encode(self._completion.told(said, tokens))
