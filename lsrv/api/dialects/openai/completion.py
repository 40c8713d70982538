"""`POST /v1/completions`: body to request, events to `text_completion` bodies and SSE.

https://platform.openai.com/docs/api-reference/completions/create; `max_tokens` defaults to the model's own limit
instead of 16, as local servers do.
"""

from __future__ import annotations

import codecs
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import DONE, DialectRequest, Heading
from lsrv.api.dialects.fields.inputs import TokenId, inputs_of
from lsrv.api.dialects.fields.sampling import MAX_TOP_LOGPROBS, Later, refuse
from lsrv.api.dialects.openai.heading import heading_fields
from lsrv.api.dialects.openai.shared_fields import (
    GenerationBody,
    ReplyForm,
    command_of,
    generation_request,
    n_choices_of,
    openai_dialect,
)
from lsrv.api.dialects.openai.usage import timings_object, usage_object
from lsrv.api.http.body import decode_body
from lsrv.errors import UnsupportedParameterError
from lsrv.protocol.events import Delta, Finished, TokenLogprob
from lsrv.serving.usage import total_usage

MAX_PROMPTS = 128

TopLogprobs = Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)]


class CompletionBody(GenerationBody, kw_only=True):
    prompt: str | list[str | TokenId | list[TokenId]]
    echo: bool | None = None
    logprobs: TopLogprobs | None = None
    n_probs: TopLogprobs | None = None
    best_of: int | None = None
    suffix: Later = None


_decoder = msgspec.json.Decoder(CompletionBody)
_encode = msgspec.json.Encoder().encode


def parse_completion(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    _refuse_later_fields(body)
    n_choices = n_choices_of(body)
    command = command_of(body, n_top_logprobs=body.logprobs if body.logprobs is not None else body.n_probs)
    commands = [
        replace(command, prompt=prompt, is_echoing=bool(body.echo))
        for prompt in inputs_of(body.prompt, "prompt", MAX_PROMPTS // n_choices)
        for _ in range(n_choices)
    ]
    return generation_request(body, commands, CompletionReply)


COMPLETION = openai_dialect(parse_completion, "completions")


def _refuse_later_fields(body: CompletionBody) -> None:
    refuse("suffix", body.suffix)
    if body.best_of is not None and body.best_of > 1:
        raise UnsupportedParameterError("best_of above 1 is not in this version; use n.", param="best_of")
    if body.echo and (body.logprobs is not None or body.n_probs is not None):
        raise UnsupportedParameterError("echo together with logprobs is not in this version yet.", param="echo")


class CompletionReply:
    """One answer of `/v1/completions`; chunks are built as in `chat_reply`."""

    def __init__(self, form: ReplyForm, heading: Heading) -> None:
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
                "logprobs": _logprobs_object(end.logprobs, TextLength()),
                "finish_reason": end.finish_reason,
            }
            for i, end in enumerate(finished)
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
