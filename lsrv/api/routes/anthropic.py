"""Handlers of Anthropic's API: messages, their tokens, and what its coding client asks before and after them."""

from __future__ import annotations

import msgspec
from litestar import Response
from litestar.types import ASGIApp
from msgspec.structs import replace

from lsrv.api.answers.delivery import Delivery, first_body
from lsrv.api.dialects.anthropic.messages_body import (
    MESSAGES,
    ConversationBody,
    MessagesBody,
    messages_head,
    parse_count,
)
from lsrv.api.dialects.anthropic.wording import ANTHROPIC_ERRORS
from lsrv.api.http.access import Needs
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.state import ServerState
from lsrv.registry import Target
from lsrv.serving.defaults import with_system

_REQUEST_ID = b"request-id"

_encode = msgspec.json.Encoder().encode


async def messages(request: ApiRequest, server: ServerState) -> ASGIApp:
    return Delivery(server, MESSAGES, request.scope)


async def count_tokens(request: ApiRequest, server: ServerState) -> Response[bytes]:
    raw, record = await body_of(request, server), record_of(request.scope)
    command = parse_count(raw)

    async def ask(target: Target) -> bytes:
        server.begin(record, target.model_id)
        async with server.registry.acquire(target.model_id) as lease:
            said = with_system(command.messages, lease.settings.defaults.system)
            tokenized = await lease.tokenize(replace(command, messages=said))
        return _encode({"input_tokens": len(tokenized.tokens)})

    head, registry = messages_head(raw), server.registry
    attempts = registry.routing.attempts(registry.names.first_known(head.spellings), head.sticky_key)
    return json_response(await until_disconnect(request.receive, first_body(attempts, ask)))


async def hello(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    return json_response(b"{}")


ROUTES = (
    Route(
        "POST",
        "/v1/messages",
        messages,
        "Answer a chat, as Anthropic does",
        body=MessagesBody,
        media_types=(JSON, EVENTS),
        errors=ANTHROPIC_ERRORS,
        request_id_name=_REQUEST_ID,
    ),
    Route(
        "POST",
        "/v1/messages/count_tokens",
        count_tokens,
        "How many tokens the prompt of such a chat has; writes none",
        body=ConversationBody,
        errors=ANTHROPIC_ERRORS,
        request_id_name=_REQUEST_ID,
    ),
    Route(
        "GET",
        "/api/hello",
        hello,
        "The server answers, for Anthropic's coding client",
        needs=Needs.NOTHING,
        errors=ANTHROPIC_ERRORS,
    ),
    Route(
        "POST",
        "/api/event_logging/batch",
        hello,
        "What that client tells of itself: passed over",
        needs=Needs.NOTHING,
        errors=ANTHROPIC_ERRORS,
    ),
)
