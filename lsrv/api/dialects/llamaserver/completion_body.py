"""`POST /completion`: body to request.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md: fields and defaults are llama-server's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import Dialect, DialectRequest
from lsrv.api.dialects.fields.adapters import LoraItem, stack_of
from lsrv.api.dialects.fields.grammar import GrammarItem, SchemaJson, grammar_of
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.fields.sampling import SamplingFields, sampling_of, stops_of
from lsrv.api.dialects.fields.turn import KeepAliveField, Priority, keep_alive_of
from lsrv.api.dialects.llamaserver.prompts import MAX_PROMPTS, PromptField, prompt_commands
from lsrv.api.dialects.llamaserver.reply import LlamaServerForm, LlamaServerReply
from lsrv.api.dialects.llamaserver.samplers import named_samplers, notes_on_samplers, only
from lsrv.api.dialects.llamaserver.wording import LLAMA_SERVER_ERRORS, error_event
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError, UnsupportedParameterError
from lsrv.protocol.commands import Generate

MAX_ANSWERS = 8
MAX_PROBS = 512

Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class LlamaServerBody(SamplingFields, kw_only=True):
    """What a completion and a text to fill in have in common.

    `n_predict` below 0: until the context is full. `id_slot`, `n_keep`, … are taken and have no effect.
    """

    model: str | None = None
    stream: bool | None = None
    temperature: Annotated[float, Meta(le=1e9)] | None = None  # pyright: ignore[reportIncompatibleVariableOverride] - below 0 is 0
    n_predict: Integer | None = None
    max_tokens: Integer | None = None
    stop: str | list[str] | None = None
    n_probs: Annotated[int, Meta(ge=0, le=MAX_PROBS)] | None = None
    post_sampling_probs: bool | None = None
    n_cmpl: Annotated[int, Meta(ge=1, le=MAX_ANSWERS)] | None = None
    samplers: str | list[str] | None = None
    ignore_eos: bool | None = None
    cache_prompt: bool | None = None
    return_tokens: bool | None = None
    return_progress: bool | None = None
    response_fields: list[str] | None = None
    t_max_predict_ms: Integer | None = None
    grammar: str | GrammarItem | None = None
    json_schema: SchemaJson = msgspec.field(default_factory=msgspec.Raw)
    lora: list[LoraItem] | None = None

    id_slot: Integer | None = None
    n_keep: Integer | None = None
    n_discard: Integer | None = None
    n_indent: Integer | None = None
    n_cache_reuse: Integer | None = None
    min_keep: Integer | None = None
    t_max_prompt_ms: Integer | None = None
    timings_per_token: bool | None = None
    adaptive_target: float | None = None

    response_cache: bool | None = None
    keep_alive: KeepAliveField = None
    priority: Priority | None = None


class LlamaCompletionBody(LlamaServerBody, kw_only=True):
    prompt: PromptField


class _Native(msgspec.Struct):
    """Fields by which the two kinds of completion are told apart."""

    n_predict: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    max_tokens: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


# Those that ask for something that is not done, if they are above that.
_NOTED = {
    "id_slot": (-1, "a slot is chosen by the longest beginning of the prompt that it knows"),
    "n_keep": (0, "a prompt longer than the context is refused, not cut"),
    "n_discard": (0, "what a full context forgets is for models.toml to say"),
    "n_indent": (0, "it has no effect"),
    "n_cache_reuse": (0, "only beginnings are used again"),
    "min_keep": (0, "one token is kept"),
    "timings_per_token": (0, "timings come with the end"),
    "adaptive_target": (-1, "this sampler is not known"),
}

_decoder = msgspec.json.Decoder(LlamaCompletionBody)
_native_decoder = msgspec.json.Decoder(_Native)


def parse_llama_completion(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    return llama_server_request(body, prompt_commands(body.prompt))


def is_native(raw: bytes) -> bool:
    """Whether a body at `/completions`, where both APIs have a route, is llama-server's own. Raises RequestError."""
    fields = decode_body(_native_decoder, raw)
    return bool(bytes(fields.n_predict)) and not bytes(fields.max_tokens)


def llama_server_request(body: LlamaServerBody, commands: list[Generate]) -> DialectRequest:
    """The request for `commands`, which have their prompts, with all else that `body` says. Raises RequestError."""
    if body.post_sampling_probs and body.n_probs:
        raise UnsupportedParameterError(
            "post_sampling_probs: probabilities are the model's own, before any sampler; leave it out.",
            param="post_sampling_probs",
        )
    n_choices = body.n_cmpl or 1
    if len(commands) * n_choices > MAX_PROMPTS:
        raise RequestError(f"prompts and n_cmpl ask for more than {MAX_PROMPTS} answers.", param="n_cmpl")
    named = named_samplers(body.samplers)
    filled = [_filled(body, command, named) for command in commands for _ in range(n_choices)]
    form = LlamaServerForm(
        asked=filled[0],
        samplers=named,
        is_streaming=bool(body.stream),
        returns_tokens=bool(body.return_tokens),
        response_fields=tuple(body.response_fields or ()),
        prompts=tuple(command.prompt if isinstance(command.prompt, str) else "" for command in filled),
    )
    return DialectRequest(
        model=body.model,
        commands=filled,
        n_choices=n_choices,
        is_streaming=bool(body.stream),
        adapters=stack_of(None, None, body.lora, is_normalized=False),
        uses_response_cache=body.response_cache is not False,
        keep_alive_s=keep_alive_of(body.keep_alive),
        priority=body.priority,
        make_reply=partial(LlamaServerReply, form),
        notes=_notes(body, named),
    )


def llama_server_dialect(parse: Callable[[bytes], DialectRequest]) -> Dialect:
    """One kind of body in llama-server's words."""
    return Dialect(read_head=head_of, parse=parse, error_event=error_event, errors=LLAMA_SERVER_ERRORS)


LLAMA_COMPLETION = llama_server_dialect(parse_llama_completion)


def _filled(body: LlamaServerBody, command: Generate, named: tuple[str, ...] | None) -> Generate:
    sampling = sampling_of(body)
    if sampling.temperature is not None:
        sampling = replace(sampling, temperature=max(0.0, sampling.temperature))
    n_predict = body.n_predict if body.n_predict is not None else body.max_tokens
    limit_ms = body.t_max_predict_ms
    return replace(
        command,
        sampling=only(sampling, named),
        grammar=grammar_of(None, body.json_schema, body.grammar),
        max_tokens=n_predict if n_predict is not None and n_predict >= 0 else None,
        max_decode_s=limit_ms / 1000 if limit_ms is not None and limit_ms > 0 else None,
        stop=stops_of(body.stop),
        n_top_logprobs=body.n_probs or None,
        ignore_eos=bool(body.ignore_eos),
        cache_prompt=body.cache_prompt is not False,
        wants_tokens=bool(body.stream or body.return_tokens),
        wants_details=True,
        wants_progress=bool(body.stream and body.return_progress),
        is_streaming=bool(body.stream),
    )


def _notes(body: LlamaServerBody, named: tuple[str, ...] | None) -> tuple[str, ...]:
    found = [f"{name}: {why}" for name, (least, why) in _NOTED.items() if _is_above(getattr(body, name), least)]
    return (*found, *notes_on_samplers(named))


def _is_above(value: float | None, least: float) -> bool:
    return value is not None and value > least
