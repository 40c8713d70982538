"""Events to `text_completion` bodies and SSE."""

from __future__ import annotations

import codecs
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from lsrv.api.dialects.contract import DONE, Heading
from lsrv.api.dialects.openai.best_of import best_choices
from lsrv.api.dialects.openai.heading import heading_fields
from lsrv.api.dialects.openai.shared_fields import ReplyForm
from lsrv.api.dialects.openai.usage import timings_object, usage_object
from lsrv.protocol.events import Delta, Finished, TokenLogprob
from lsrv.serving.usage import total_usage

_encode = msgspec.json.Encoder().encode


class CompletionForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a body of this route alone says of its answer. `n_returned`: of each prompt's choices, the best ones."""

    n_returned: int = 1
    has_logprobs: bool = False


class CompletionReply:
    """One answer of `/v1/completions`; chunks are built as in `chat_reply`."""

    def __init__(self, completion: CompletionForm, form: ReplyForm, heading: Heading) -> None:
        self._completion = completion
        self._form = form
        self._common = {"object": "text_completion", **heading_fields(heading, "cmpl", has_tier=form.has_tier)}
        self._cached: dict[str, object] = {"cached": True} if heading.is_cached else {}
        self._texts: defaultdict[int, TextLength] = defaultdict(TextLength)
        self._head = b"data: " + _encode(self._common)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if form.has_usage else b"]}\n\n"

    def head(self) -> bytes:
        return b""

    def delta(self, index: int, delta: Delta) -> bytes:
        return self._chunk(index, delta.text, delta.logprobs, b"null")

    def finish(self, index: int, finished: Finished) -> bytes:
        return self._chunk(index, finished.text, finished.logprobs, _encode(finished.finish_reason))

    def tail(self, finished: Sequence[Finished]) -> bytes:
        usage = total_usage(finished, self._form.n_choices)
        counts: dict[str, object] = {"timings": timings_object(usage)} | self._cached
        if self._form.has_usage:
            counts["usage"] = usage_object(usage)
        return self._head + b"]," + _encode(counts)[1:] + b"\n\n" + DONE

    def body(self, finished: Sequence[Finished]) -> bytes:
        usage = total_usage(finished, self._form.n_choices)
        choices = [
            {
                "index": i,
                "text": end.text,
                "logprobs": _logprobs_object(end.logprobs, TextLength()) if self._completion.has_logprobs else None,
                "finish_reason": end.finish_reason,
            }
            for i, end in enumerate(best_choices(finished, self._form.n_choices, self._completion.n_returned))
        ]
        counts = {"usage": usage_object(usage), "timings": timings_object(usage)}
        return _encode(self._common | {"choices": choices} | counts | self._cached)

    def _chunk(self, index: int, text: str, logprobs: list[TokenLogprob] | None, finish_reason: bytes) -> bytes:
        return b'%b{"index":%d,"text":%b,"logprobs":%b,"finish_reason":%b}%b' % (
            self._head,
            index,
            _encode(text),
            b"null" if logprobs is None else self._logprobs(index, logprobs),
            finish_reason,
            self._tail,
        )

    def _logprobs(self, index: int, logprobs: list[TokenLogprob]) -> bytes:
        return _encode(_logprobs_object(logprobs, self._texts[index]))


class TextLength:
    """Counts the characters of an answer as its tokens come, of which several may make one."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._n = 0

    def advance(self, token: TokenLogprob) -> int:
        """Where `token` begins; the next one begins behind it."""
        offset = self._n
        self._n += len(self._decoder.decode(token.raw))
        return offset


def _logprobs_object(logprobs: list[TokenLogprob] | None, text: TextLength) -> dict[str, object] | None:
    """The legacy shape: parallel lists; `text_offset` counts characters from the start of the answer."""
    if logprobs is None:
        return None
    return {
        "tokens": [token.text for token in logprobs],
        "token_logprobs": [token.logprob for token in logprobs],
        "top_logprobs": [{top.text: top.logprob for top in token.top} for token in logprobs],
        "text_offset": [text.advance(token) for token in logprobs],
    }
