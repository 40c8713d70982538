"""Handlers of OpenAI's Responses API."""

from __future__ import annotations

from litestar.types import ASGIApp

from lsrv.api.answers.delivery import Delivery
from lsrv.api.dialects.responses.body import ResponsesBody, read_responses
from lsrv.api.dialects.responses.call import ResponsesCall
from lsrv.api.routing.handler import ApiRequest, body_of
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.state import ServerState


async def create_response(request: ApiRequest, server: ServerState) -> ASGIApp:
    raw = await body_of(request, server)
    call = ResponsesCall(read_responses(raw))
    return Delivery(server, call.dialect, request.scope, raw)


ROUTES = (
    Route(
        "POST",
        "/v1/responses",
        create_response,
        "Answer in items: thoughts, texts, calls",
        body=ResponsesBody,
        media_types=(JSON, EVENTS),
    ),
)
