"""`POST /v1/messages` and `/v1/messages/count_tokens`: bodies to what is asked of a model."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsrv.api.dialects.anthropic.blocks import TextBlock
from lsrv.api.dialects.anthropic.history import SaidMessage, template_history
from lsrv.api.dialects.anthropic.message_reply import MessageReply
from lsrv.api.dialects.anthropic.tools import ClientTool, ToolRule, offered_tools, tool_use_of
from lsrv.api.dialects.anthropic.wording import ANTHROPIC_ERRORS, NAMED_EVENTS, anthropic_error_event
from lsrv.api.dialects.contract import Dialect, DialectRequest, Head
from lsrv.api.dialects.fields.grammar import GrammarItem, SchemaJson, grammar_of, schema_grammar
from lsrv.api.dialects.fields.head import without_latest
from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.dialects.fields.sampling import Count, Fraction, NonNegative, stops_of
from lsrv.api.http.body import decode_body
from lsrv.errors import RequestError, UnsupportedParameterError
from lsrv.protocol.commands import Generate, Grammar, Sampling, Tokenize

_EFFORTS = {"xhigh": "high", "max": "high"}  # templates know three


class ThinkingRule(msgspec.Struct):
    """Whether a model thinks, and how long. Where a body has none, it does as it does by itself."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None


class SchemaOutput(msgspec.Struct):
    type: Literal["json_schema"]
    schema: SchemaJson = msgspec.field(default_factory=msgspec.Raw)


class OutputRule(msgspec.Struct):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: SchemaOutput | None = None


class RequestMetadata(msgspec.Struct):
    user_id: str | None = None


class ConversationBody(msgspec.Struct, kw_only=True):
    """What is said so far, and what the answer may be: all that a prompt is made of."""

    model: str | None = None
    messages: list[SaidMessage]
    system: str | list[TextBlock] | None = None
    tools: list[ClientTool] | None = None
    tool_choice: ToolRule | None = None
    thinking: ThinkingRule | None = None
    output_config: OutputRule | None = None


class MessagesBody(ConversationBody, kw_only=True):
    """`grammar` is our own: what an answer has to look like, beyond JSON."""

    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: NonNegative | None = None
    top_p: Fraction | None = None
    top_k: Count | None = None
    metadata: RequestMetadata | None = None
    output_format: SchemaOutput | None = None
    mcp_servers: list[object] | None = None
    thread: object = None
    grammar: str | GrammarItem | None = None


class _HeadMetadata(msgspec.Struct):
    user_id: object = None


class _HeadFields(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None
    metadata: _HeadMetadata | None = None


_head_decoder = msgspec.json.Decoder(_HeadFields)
_messages_decoder = msgspec.json.Decoder(MessagesBody)
_conversation_decoder = msgspec.json.Decoder(ConversationBody)


def messages_head(raw: bytes) -> Head:
    """Who is asked. One user goes to the same model of a route. Raises RequestError."""
    fields = decode_body(_head_decoder, raw)
    user_id = fields.metadata.user_id if fields.metadata is not None else None
    sticky_key = user_id if isinstance(user_id, str) and user_id else None
    return Head(fields.model, bool(fields.stream), sticky_key, other_spellings=without_latest(fields.model))


def parse_messages(raw: bytes) -> DialectRequest:
    """The request that `raw` asks for. Raises RequestError with `param`."""
    body = decode_body(_messages_decoder, raw)
    if body.thread is not None:
        raise _no_thread()
    tools, notes = offered_tools(body.tools or [])
    if body.mcp_servers:
        notes += ("mcp_servers: only Anthropic's own servers ask them; left out",)
    media = Gathering()
    command = Generate(
        request_id=0,
        messages=template_history(body.system, body.messages, media),
        template_kwargs=_template_kwargs(body),
        tool_use=tool_use_of(tools, body.tool_choice),
        reasoning_budget=body.thinking.budget_tokens if body.thinking is not None else None,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k),
        grammar=_grammar(body),
        max_tokens=body.max_tokens,
        stop=stops_of(body.stop_sequences, "stop_sequences"),
        is_streaming=bool(body.stream),
    )
    return DialectRequest(
        model=body.model,
        commands=[media.put_into(command)],
        n_choices=1,
        is_streaming=command.is_streaming,
        make_reply=partial(MessageReply, body.max_tokens),
        notes=notes,
    )


def parse_count(raw: bytes) -> Tokenize:
    """What makes the prompt of such a conversation, to be counted. Raises RequestError with `param`."""
    body = decode_body(_conversation_decoder, raw)
    tools, _ = offered_tools(body.tools or [])
    media = Gathering()
    command = Tokenize(
        request_id=0,
        messages=template_history(body.system, body.messages, media),
        template_kwargs=_template_kwargs(body),
        tool_use=tool_use_of(tools, body.tool_choice),
        add_special=True,
        wants_pieces=False,
    )
    return media.put_into(command)


MESSAGES = Dialect(
    read_head=messages_head,
    parse=parse_messages,
    error_event=anthropic_error_event,
    errors=ANTHROPIC_ERRORS,
    framing=NAMED_EVENTS,
)


def _no_thread() -> UnsupportedParameterError:
    """Conversations that the server keeps. By the code its packages know to send all of it instead."""
    return UnsupportedParameterError(
        "thread: this server keeps no conversations; leave it out, and send all messages.",
        param="thread",
        error_code="thread_unsupported_request",
    )


def _template_kwargs(body: ConversationBody) -> dict[str, object]:
    kwargs: dict[str, object] = {}
    if body.thinking is not None:
        kwargs["enable_thinking"] = body.thinking.type != "disabled"
    effort = body.output_config.effort if body.output_config is not None else None
    if effort is not None:
        kwargs["reasoning_effort"] = _EFFORTS.get(effort, effort)
    return kwargs


def _grammar(body: MessagesBody) -> Grammar | None:
    """What the answer is bound to; None: nothing. Raises RequestError, also where two fields bind it."""
    form, param = body.output_format, "output_format.schema"
    if body.output_config is not None and body.output_config.format is not None:
        form, param = body.output_config.format, "output_config.format.schema"
    free = grammar_of(None, msgspec.Raw(), body.grammar)
    if form is None:
        return free
    if free is not None:
        raise RequestError(f"grammar and {param} both say what the answer must look like; keep one.", param="grammar")
    bound = schema_grammar(form.schema, param)
    if bound is None:
        raise RequestError(f"{param} is missing: it says what the answer must look like.", param=param)
    return bound
