"""`POST /v1/chat/completions`: body to request. What comes back is written by `chat_reply`.

https://platform.openai.com/docs/api-reference/chat/create, with llama.cpp's and mistral.rs's extensions.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.contract import DialectRequest
from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.dialects.fields.messages import ChatMessage, template_messages
from lsrv.api.dialects.fields.sampling import MAX_TOP_LOGPROBS, Count
from lsrv.api.dialects.fields.template_variables import template_kwargs
from lsrv.api.dialects.fields.tools import ToolList
from lsrv.api.dialects.openai.chat_reply import ChatReply
from lsrv.api.dialects.openai.heading import new_id
from lsrv.api.dialects.openai.shared_fields import (
    GenerationBody,
    command_of,
    generation_request,
    n_choices_of,
    openai_dialect,
)
from lsrv.api.dialects.openai.tool_choice import (
    FunctionCallField,
    FunctionList,
    ToolChoiceField,
    function_use_of,
    tool_use_of,
)
from lsrv.api.dialects.server_tools.asked import McpField, ToolRounds, is_offered, requires_a_call, server_tools_of
from lsrv.api.dialects.unserved import OF_TEXT, Unserved
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Tokenize, ToolUse
from lsrv.serving.request import ServerTools


class ChatBody(GenerationBody, kw_only=True):
    messages: str | list[ChatMessage]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    chat_template_kwargs: dict[str, object] | None = None
    enable_thinking: bool | str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    documents: list[dict[str, object]] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    reasoning_budget: Count | None = None
    thinking_budget_tokens: Count | None = None  # llama.cpp's name for it
    reasoning_control: bool | None = None
    return_progress: bool | None = None
    modalities: list[str] | None = None
    tools: ToolList | None = None
    tool_choice: ToolChoiceField | None = None
    parallel_tool_calls: bool | None = None
    mcp: McpField | None = None
    max_tool_rounds: ToolRounds | None = None
    functions: FunctionList | None = None
    function_call: FunctionCallField | None = None


# What only completions have; those import nothing from here, and tell what only chats have.
_OF_COMPLETIONS: dict[str, str] = dict.fromkeys(
    ("prompt", "suffix", "spm_infill", "echo", "n_probs", "best_of"), "is for /v1/completions; leave it out of a chat"
)

_decoder = msgspec.json.Decoder(ChatBody)
_OWN = {"max_tool_rounds"}  # it goes with mcp
_unserved = Unserved({name: why for name, why in (OF_TEXT | _OF_COMPLETIONS).items() if name not in _OWN})


def parse_chat(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    _unserved.refuse(raw)
    _refuse_other_modalities(body)
    n_top_logprobs = _n_top_logprobs(body)
    command = command_of(body, max_completion_tokens=body.max_completion_tokens, n_top_logprobs=n_top_logprobs)
    media = Gathering()
    command = replace(
        command,
        messages=template_messages(body.messages, media),
        template_kwargs=template_kwargs(body),
        tool_use=_tool_use(body),
        reasoning_budget=_reasoning_budget(body),
        can_end_thoughts=bool(body.reasoning_control and body.stream),
        wants_progress=bool(body.return_progress and body.stream),
    )
    command = media.put_into(command)
    answer_id = new_id("chatcmpl")
    reply = partial(ChatReply, answer_id=answer_id, has_old_calls=bool(body.functions))
    request = generation_request(body, [command] * n_choices_of(body), reply)
    request = replace(request, server_tools=_server_tools(body, command.tool_use))
    return replace(request, control_id=answer_id, uses_response_cache=False) if command.can_end_thoughts else request


def parse_apply_template(raw: bytes) -> tuple[ChatBody, Tokenize]:
    """The body of a chat, of which its prompt is wanted. Raises RequestError with `param`."""
    body = decode_body(_decoder, raw)
    media = Gathering()
    command = Tokenize(
        request_id=0,
        messages=template_messages(body.messages, media),
        template_kwargs=template_kwargs(body),
        tool_use=_tool_use(body),
        wants_pieces=False,
    )
    return body, media.put_into(command)


CHAT = openai_dialect(parse_chat, "chat/completions")


def _refuse_other_modalities(body: ChatBody) -> None:
    if any(modality != "text" for modality in body.modalities or []):
        raise UnsupportedCapabilityError("modalities: this version answers with text only.", param="modalities")


def _n_top_logprobs(body: ChatBody) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs:
        raise RequestError("top_logprobs needs logprobs: true.", param="top_logprobs")
    return None


def _tool_use(body: ChatBody) -> ToolUse | None:
    if not body.functions:
        if body.mcp and not body.tools and requires_a_call(body.tool_choice):
            return None
        return tool_use_of(body.tools or [], body.tool_choice, is_parallel=body.parallel_tool_calls)
    if body.tools:
        raise RequestError("tools and functions both say what may be called; keep tools.", param="functions")
    return function_use_of(body.functions, body.function_call)


def _server_tools(body: ChatBody, use: ToolUse | None) -> ServerTools | bool | None:
    if body.max_tool_rounds is not None and not body.mcp:
        message = "max_tool_rounds is for tools that this server calls: ask for them with mcp, or leave it out."
        raise RequestError(message, param="max_tool_rounds")
    return server_tools_of(
        body.mcp,
        [],
        max_rounds=body.max_tool_rounds,
        is_required=use is None and requires_a_call(body.tool_choice),
        is_allowed=is_offered(use, body.tool_choice),
    )


def _reasoning_budget(body: ChatBody) -> int | None:
    budget = body.reasoning_budget if body.reasoning_budget is not None else body.thinking_budget_tokens
    return None if budget == -1 else budget
