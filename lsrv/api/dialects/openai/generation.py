"""What chat and completion requests have in common: a body's fields to a request, and what it says of the reply."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from lsrv.api.dialects.contract import DialectRequest, Heading, Reply
from lsrv.api.dialects.fields.priority import priority_of
from lsrv.api.dialects.fields.sampling import GenerationBody, adapters_of, keep_alive_of
from lsrv.protocol.commands import Generate


class ReplyForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a body says of its answer. `has_usage`: streams end with it; `has_tier`: it names its tier."""

    n_choices: int = 1
    has_usage: bool = False
    has_tier: bool = False


def n_choices_of(body: GenerationBody) -> int:
    """How many answers each prompt gets."""
    return body.n or 1


def generation_request(
    body: GenerationBody, commands: list[Generate], reply: Callable[[ReplyForm, Heading], Reply]
) -> DialectRequest:
    """The request for `commands`, whose answer `reply` writes. Raises RequestError."""
    form = ReplyForm(
        n_choices=n_choices_of(body),
        has_usage=body.stream_options is not None and body.stream_options.include_usage,
        has_tier=body.service_tier is not None,
    )
    return DialectRequest(
        model=body.model,
        commands=commands,
        n_choices=form.n_choices,
        is_streaming=bool(body.stream),
        adapters=adapters_of(body),
        uses_response_cache=body.response_cache is not False,
        keep_alive_s=keep_alive_of(body.keep_alive),
        priority=priority_of(body.priority, body.service_tier),
        make_reply=partial(reply, form),
    )
