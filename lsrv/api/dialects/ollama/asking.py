"""What `/api/chat` and `/api/generate` have in common: a body's fields to a request. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import Dialect, DialectRequest, Head, Heading, Reply
from lsrv.api.dialects.fields.grammar import FormatField, format_grammar
from lsrv.api.dialects.fields.sampling import MAX_TOP_LOGPROBS, sampling_of, stops_of
from lsrv.api.dialects.fields.turn import KeepAliveField, keep_alive_of
from lsrv.api.dialects.ollama.options import OptionsField, notes_on, options_of
from lsrv.api.dialects.ollama.wording import OLLAMA_ERRORS, error_line, other_spellings
from lsrv.api.http.body import decode_body
from lsrv.api.http.framing import JSON_LINES
from lsrv.protocol.commands import Generate

ThinkField = bool | Literal["low", "medium", "high", "max"]


class OllamaBody(msgspec.Struct, kw_only=True):
    """`stream` is true unless it says otherwise."""

    model: str | None = None
    stream: bool | None = None
    format: FormatField = msgspec.field(default_factory=msgspec.Raw)
    options: OptionsField = None
    keep_alive: KeepAliveField = None
    think: ThinkField | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None


class _HeadFields(msgspec.Struct):
    model: str | None = None
    name: str | None = None  # what older clients call it
    stream: bool | None = None


class _Questions(msgspec.Struct):
    """What asks for text, unread."""

    messages: list[msgspec.Raw] | None = None
    prompt: str | None = None
    suffix: str | None = None
    images: list[msgspec.Raw] | None = None


class _KeepAliveFields(msgspec.Struct):
    keep_alive: KeepAliveField = None


_head_decoder = msgspec.json.Decoder(_HeadFields)
_questions_decoder = msgspec.json.Decoder(_Questions)
_keep_alive_decoder = msgspec.json.Decoder(_KeepAliveFields)


def asks_chat(raw: bytes) -> bool:
    """Whether there is something to answer: without messages a model is only loaded. Raises RequestError."""
    return bool(decode_body(_questions_decoder, raw).messages)


def asks_text(raw: bytes) -> bool:
    """The same of a prompt."""
    asked = decode_body(_questions_decoder, raw)
    return bool(asked.prompt or asked.suffix or asked.images)


def asked_keep_alive(raw: bytes) -> float | None:
    """Seconds that the model shall stay. Raises RequestError."""
    return keep_alive_of(decode_body(_keep_alive_decoder, raw).keep_alive)


def ollama_head(raw: bytes) -> Head:
    """Who is asked. Raises RequestError."""
    fields = decode_body(_head_decoder, raw)
    model = fields.model or fields.name
    return Head(model, fields.stream is not False, sticky_key=None, other_spellings=other_spellings(model))


def ollama_dialect(parse: Callable[[bytes], DialectRequest]) -> Dialect:
    """One kind of body in Ollama's words."""
    return Dialect(read_head=ollama_head, parse=parse, error_event=error_line, errors=OLLAMA_ERRORS, framing=JSON_LINES)


def ollama_request(body: OllamaBody, command: Generate, make_reply: Callable[[Heading], Reply]) -> DialectRequest:
    """The request for `command`, which has its prompt, with all else that `body` says. Raises RequestError."""
    options = options_of(body.options)
    command = replace(
        command,
        template_kwargs=_template_kwargs(body.think),
        sampling=sampling_of(options),
        grammar=format_grammar(body.format),
        max_tokens=options.max_tokens,
        stop=stops_of(options.stop),
        n_top_logprobs=_n_top_logprobs(body),
        is_streaming=body.stream is not False,
    )
    return DialectRequest(
        model=body.model,
        commands=[command],
        n_choices=1,
        is_streaming=command.is_streaming,
        keep_alive_s=keep_alive_of(body.keep_alive),
        make_reply=make_reply,
        notes=notes_on(body.options),
        n_ctx_wanted=options.num_ctx,
    )


def _template_kwargs(think: ThinkField | None) -> dict[str, object]:
    if think is None:
        return {}
    return (
        {"enable_thinking": think} if isinstance(think, bool) else {"enable_thinking": True, "reasoning_effort": think}
    )


def _n_top_logprobs(body: OllamaBody) -> int | None:
    return (body.top_logprobs or 0) if body.logprobs or body.top_logprobs else None
