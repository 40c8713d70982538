"""What chat and completion requests have in common: a body's fields to a request, and what it says of the reply."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from lsrv.api.dialects.contract import Dialect, DialectRequest, Heading, Reply
from lsrv.api.dialects.fields.adapters import AdapterItem, AdapterName, LoraItem, stack_of
from lsrv.api.dialects.fields.grammar import GrammarItem, ResponseFormat, SchemaJson, grammar_of
from lsrv.api.dialects.fields.guided import GuidedFields, guided_of
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.fields.prediction import PredictedAnswer, prediction_of
from lsrv.api.dialects.fields.sampling import Count, TopLogprobs, sampling_of, stops_of, token_limit
from lsrv.api.dialects.fields.turn import KeepAliveField, Priority, keep_alive_of
from lsrv.api.dialects.openai.service_tier import ServiceTier, priority_of
from lsrv.api.http.errors import error_body
from lsrv.api.http.framing import sse
from lsrv.errors import LsrvError, RequestError
from lsrv.protocol.commands import Generate

MAX_CHOICES = 8


class StreamOptions(msgspec.Struct, kw_only=True):
    include_usage: bool = False


class GenerationBody(GuidedFields, kw_only=True):
    """A body as far as `/v1/chat/completions` and `/v1/completions` agree, with llama.cpp's and mistral.rs's fields."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    max_tokens: Count | None = None
    n_predict: Count | None = None
    stop: str | list[str] | None = None
    ignore_eos: bool | None = None
    prompt_logprobs: TopLogprobs | None = None
    prediction: PredictedAnswer | None = None
    cache_prompt: bool | None = None
    response_cache: bool | None = None
    keep_alive: KeepAliveField = None
    priority: Priority | None = None
    service_tier: ServiceTier | None = None

    adapters: list[str | AdapterItem] | None = None
    adapter: AdapterName | None = None
    lora: list[LoraItem] | None = None
    normalize_adapters: bool | None = None

    response_format: ResponseFormat | None = None
    json_schema: SchemaJson = msgspec.field(default_factory=msgspec.Raw)
    grammar: str | GrammarItem | None = None


class ReplyForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a body says of its answer. `has_usage`: streams end with it; `has_tier`: it names its tier.

    `n_prompt_logprobs`: the alternatives to be told of each token of the prompt; None: nothing is.
    """

    n_choices: int = 1
    n_prompt_logprobs: int | None = None
    has_usage: bool = False
    has_tier: bool = False


def openai_dialect(parse: Callable[[bytes], DialectRequest], relay_path: str) -> Dialect:
    """One kind of body in OpenAI's words; their servers take it at `relay_path`."""
    return Dialect(read_head=head_of, parse=parse, error_event=_error_event, relay_path=relay_path)


def _error_event(error: LsrvError) -> bytes:
    """The SDKs raise on an event that carries `error`; no [DONE] follows, for the answer isn't complete."""
    return sse(error_body(error))


def n_choices_of(body: GenerationBody) -> int:
    """How many answers each prompt gets."""
    return body.n or 1


def command_of(
    body: GenerationBody,
    *,
    max_completion_tokens: int | None = None,
    n_top_logprobs: int | None = None,
    n_tokens_least: int = 1,
) -> Generate:
    """What `body` asks for, without its prompt. Raises RequestError, also for fewer tokens than `n_tokens_least`."""
    if body.prompt_logprobs is not None and body.stream:
        raise RequestError("prompt_logprobs come with whole answers; leave out it or stream.", param="prompt_logprobs")
    return Generate(
        request_id=0,
        sampling=sampling_of(body),
        grammar=grammar_of(body.response_format, body.json_schema, body.grammar, guided_of(body)),
        max_tokens=token_limit(max_completion_tokens, body.max_tokens, body.n_predict, least=n_tokens_least),
        stop=stops_of(body.stop),
        n_top_logprobs=n_top_logprobs,
        n_prompt_logprobs=body.prompt_logprobs,
        prediction=prediction_of(body.prediction),
        ignore_eos=bool(body.ignore_eos),
        cache_prompt=body.cache_prompt is not False,
        is_streaming=bool(body.stream),
    )


def generation_request(
    body: GenerationBody,
    commands: list[Generate],
    reply: Callable[[ReplyForm, Heading], Reply],
    n_choices: int | None = None,
) -> DialectRequest:
    """The request for `commands`, whose answer `reply` writes. Raises RequestError.

    `n_choices`: commands of each prompt; None: as many as the body asks answers for.
    """
    form = ReplyForm(
        n_choices=n_choices_of(body) if n_choices is None else n_choices,
        n_prompt_logprobs=body.prompt_logprobs,
        has_usage=body.stream_options is not None and body.stream_options.include_usage,
        has_tier=body.service_tier is not None,
    )
    return DialectRequest(
        model=body.model,
        commands=commands,
        n_choices=form.n_choices,
        is_streaming=bool(body.stream),
        adapters=stack_of(body.adapters, body.adapter, body.lora, is_normalized=bool(body.normalize_adapters)),
        uses_response_cache=body.response_cache is not False,
        keep_alive_s=keep_alive_of(body.keep_alive),
        priority=priority_of(body.priority, body.service_tier),
        make_reply=partial(reply, form),
    )
