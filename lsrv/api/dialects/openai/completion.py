"""`POST /v1/completions`: body to request. What comes back is written by `completion_reply`.

https://platform.openai.com/docs/api-reference/completions/create; `max_tokens` defaults to the model's own limit
instead of 16, as local servers do.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.fields.inputs import TokenId, inputs_of
from lsrv.api.dialects.fields.sampling import TopLogprobs
from lsrv.api.dialects.openai.chat import ChatBody
from lsrv.api.dialects.openai.completion_reply import CompletionForm, CompletionReply
from lsrv.api.dialects.openai.shared_fields import (
    GenerationBody,
    command_of,
    generation_request,
    n_choices_of,
    openai_dialect,
)
from lsrv.api.dialects.unserved import OF_TEXT, Unserved
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError
from lsrv.protocol.commands import Infill

MAX_PROMPTS = 128
MAX_BEST_OF = 20


class CompletionBody(GenerationBody, kw_only=True):
    prompt: str | list[str | TokenId | list[TokenId]]
    suffix: str | None = None
    spm_infill: bool | None = None
    echo: bool | None = None
    logprobs: TopLogprobs | None = None
    n_probs: TopLogprobs | None = None
    best_of: Annotated[int, Meta(ge=1, le=MAX_BEST_OF)] | None = None


# Without `tools`, which is refused, these ask for nothing.
_MOOT = {"tool_choice", "parallel_tool_calls", "function_call", "logprobs"}
_OF_CHATS = dict.fromkeys(
    [name for name in ChatBody.__struct_fields__ if name not in {*CompletionBody.__struct_fields__, *_MOOT}],
    "is for /v1/chat/completions; a completion has no chat",
) | {"max_completion_tokens": "completions call it max_tokens"}

_decoder = msgspec.json.Decoder(CompletionBody)
_unserved = Unserved(OF_TEXT | _OF_CHATS)


def parse_completion(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    _unserved.refuse(raw)
    n_choices = _n_computed(body)
    prompts = inputs_of(body.prompt, "prompt", MAX_PROMPTS // n_choices)
    form = _form(body, prompts)
    n_top_logprobs = form.n_top_logprobs
    if n_choices > form.n_returned and n_top_logprobs is None:
        n_top_logprobs = 0  # what is best is told by them
    command = command_of(body, n_top_logprobs=n_top_logprobs, n_tokens_least=0)
    command = replace(
        command, is_echoing=bool(body.echo), infill=_infill(body), n_prompt_logprobs=_n_prompt_logprobs(body, form)
    )
    commands = [replace(command, prompt=prompt) for prompt in prompts for _ in range(n_choices)]
    return generation_request(body, commands, partial(CompletionReply, form), n_choices)


COMPLETION = openai_dialect(parse_completion, "completions")


def _n_computed(body: CompletionBody) -> int:
    """How many answers to each prompt are computed, of which the best ones are returned."""
    n_returned = n_choices_of(body)
    n_choices = body.best_of or n_returned
    if n_choices < n_returned:
        raise RequestError(f"best_of is {n_choices}, and n asks for {n_returned} of them; raise it.", param="best_of")
    if n_choices > n_returned and body.stream:
        raise RequestError(
            "best_of above n can't be streamed: which answers are best is known when all have ended; "
            "leave out stream or best_of.",
            param="best_of",
        )
    return n_choices


def _form(body: CompletionBody, prompts: list[str | list[int]]) -> CompletionForm:
    n_top_logprobs = body.logprobs if body.logprobs is not None else body.n_probs
    has_scored_echo = bool(body.echo) and n_top_logprobs is not None
    if has_scored_echo and body.suffix:
        raise RequestError(
            "echo and logprobs tell of the prompt's tokens, and with suffix those aren't its text; leave out one of "
            "the three.",
            param="suffix",
        )
    return CompletionForm(
        n_returned=n_choices_of(body),
        n_top_logprobs=n_top_logprobs,
        echoed=tuple(prompt if isinstance(prompt, str) else None for prompt in prompts) if has_scored_echo else None,
    )


def _n_prompt_logprobs(body: CompletionBody, form: CompletionForm) -> int | None:
    """The alternatives of each token of the prompt that any part of the answer tells."""
    wanted = [n for n in (body.prompt_logprobs, form.n_top_logprobs if form.echoed else None) if n is not None]
    return max(wanted, default=None)


def _infill(body: CompletionBody) -> Infill | None:
    return Infill(body.suffix, bool(body.spm_infill)) if body.suffix else None
