"""Bodies of `/v1/generate` and its kin to requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import Dialect, DialectRequest, Head
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.fields.sampling import Count, SamplingFields, sampling_of, stops_of, token_limit
from lsrv.api.dialects.fields.turn import KeepAliveField, Priority, keep_alive_of
from lsrv.api.dialects.generate.output import BatchReply, OutputReply, StreamReply
from lsrv.api.dialects.generate.refusals import GENERATE_ERRORS, error_event
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate

MAX_BATCH = 128

Prompts = Annotated[list[str], Meta(min_length=1, max_length=MAX_BATCH)]


class PromptFields(SamplingFields, kw_only=True):
    """What one prompt and many have in common. `cache` false: the answer comes from no cache, and goes into none."""

    model: str | None = None
    max_new_tokens: Count | None = None
    max_tokens: Count | None = None
    stop: str | list[str] | None = None
    cache: bool | None = None
    keep_alive: KeepAliveField = None
    priority: Priority | None = None


class PromptBody(PromptFields, kw_only=True):
    prompt: str


class BatchBody(PromptFields, kw_only=True):
    prompts: Prompts


_decoder = msgspec.json.Decoder(PromptBody)
_batch_decoder = msgspec.json.Decoder(BatchBody)


def parse_generate(raw: bytes) -> DialectRequest:
    """One prompt, whose text comes whole. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    return replace(_request(body, [body.prompt], is_streaming=False), make_reply=OutputReply)


def parse_stream(raw: bytes) -> DialectRequest:
    """One prompt, whose text comes as it is written. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    return replace(_request(body, [body.prompt], is_streaming=True), make_reply=StreamReply)


def parse_batch(raw: bytes) -> DialectRequest:
    """Several prompts under the same settings. Raises RequestError with `param`."""
    body = decode_body(_batch_decoder, raw)
    return replace(_request(body, body.prompts, is_streaming=False), make_reply=BatchReply)


def _request(body: PromptFields, prompts: list[str], *, is_streaming: bool) -> DialectRequest:
    if "" in prompts:
        at = "prompt" if len(prompts) == 1 else f"prompts[{prompts.index('')}]"
        raise RequestError(f"{at} is empty: there is nothing to go on with.", param=at)
    command = Generate(
        request_id=0,
        sampling=sampling_of(body),
        max_tokens=token_limit(body.max_new_tokens, body.max_tokens, param="max_new_tokens"),
        stop=stops_of(body.stop),
        is_streaming=is_streaming,
    )
    return DialectRequest(
        model=body.model,
        commands=[replace(command, prompt=prompt) for prompt in prompts],
        n_choices=1,
        is_streaming=is_streaming,
        uses_response_cache=body.cache is not False,
        keep_alive_s=keep_alive_of(body.keep_alive),
        priority=body.priority,
        make_reply=OutputReply,
    )


def _head(raw: bytes, *, is_streaming: bool) -> Head:
    """The path says whether it streams, and no field."""
    return replace(head_of(raw), is_streaming=is_streaming)


def _dialect(parse: Callable[[bytes], DialectRequest], *, is_streaming: bool) -> Dialect:
    read_head = partial(_head, is_streaming=is_streaming)
    return Dialect(read_head=read_head, parse=parse, error_event=error_event, errors=GENERATE_ERRORS)


GENERATE = _dialect(parse_generate, is_streaming=False)
GENERATE_BATCH = _dialect(parse_batch, is_streaming=False)
GENERATE_STREAM = _dialect(parse_stream, is_streaming=True)
