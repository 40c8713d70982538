"""`POST /v1/chat/completions`: body to request. What comes back is written by `chat_reply`.

https://platform.openai.com/docs/api-reference/chat/create, with llama.cpp's and mistral.rs's extensions.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.fields.messages import ChatMessage, template_messages
from lsrv.api.dialects.fields.sampling import MAX_TOP_LOGPROBS, Count, Later, refuse
from lsrv.api.dialects.openai.chat_reply import ChatReply
from lsrv.api.dialects.openai.shared_fields import (
    GenerationBody,
    command_of,
    generation_request,
    n_choices_of,
    openai_dialect,
)
from lsrv.api.http.body import check_plain, decode_body
from lsrv.errors import RequestError, UnsupportedCapabilityError


class ChatBody(GenerationBody, kw_only=True):
    messages: str | list[ChatMessage]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    chat_template_kwargs: dict[str, object] | None = None
    enable_thinking: bool | None = None
    reasoning_effort: str | None = None
    modalities: list[str] | None = None

    # Known, and not in this version.
    tools: Later = None
    tool_choice: Later = None
    functions: Later = None
    function_call: Later = None


_decoder = msgspec.json.Decoder(ChatBody)


def parse_chat(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    _refuse_later_fields(body)
    messages, kwargs = template_messages(body.messages), _template_kwargs(body)
    n_top_logprobs = _n_top_logprobs(body)
    command = command_of(body, max_completion_tokens=body.max_completion_tokens, n_top_logprobs=n_top_logprobs)
    command = replace(command, messages=messages, template_kwargs=kwargs)
    return generation_request(body, [command] * n_choices_of(body), ChatReply)


CHAT = openai_dialect(parse_chat, "chat/completions")


def _refuse_later_fields(body: ChatBody) -> None:
    refuse("tools", body.tools)
    refuse("functions", body.functions)
    for param, choice in (("tool_choice", body.tool_choice), ("function_call", body.function_call)):
        refuse(param, None if choice == "none" else choice)
    if any(modality != "text" for modality in body.modalities or []):
        raise UnsupportedCapabilityError("modalities: this version answers with text only.", param="modalities")


def _n_top_logprobs(body: ChatBody) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs:
        raise RequestError("top_logprobs needs logprobs: true.", param="top_logprobs")
    return None


def _template_kwargs(body: ChatBody) -> dict[str, object]:
    """The template's variables; `chat_template_kwargs` wins over the two shorthands."""
    kwargs: dict[str, object] = {}
    if body.reasoning_effort in ("none", "off"):
        kwargs["enable_thinking"] = False
    elif body.reasoning_effort is not None:
        kwargs |= {"enable_thinking": True, "reasoning_effort": body.reasoning_effort}
    if body.enable_thinking is not None:
        kwargs["enable_thinking"] = body.enable_thinking
    if body.chat_template_kwargs:
        check_plain(body.chat_template_kwargs, "chat_template_kwargs")
        kwargs |= body.chat_template_kwargs
    return kwargs
