"""Handlers of OpenAI's Responses API."""

from __future__ import annotations

import msgspec
from litestar import Response
from litestar.types import ASGIApp

from lsrv.api.answers.delivery import Delivery
from lsrv.api.dialects.responses.body import ResponsesBody, items_of, read_responses
from lsrv.api.dialects.responses.call import AskedItems, ResponsesCall
from lsrv.api.dialects.responses.kept import page
from lsrv.api.kept.responses import ResponseArchive
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState

_encode = msgspec.json.Encoder().encode


async def create_response(request: ApiRequest, server: ServerState) -> ASGIApp:
    raw, archive = await body_of(request, server), ResponseArchive(server.shelf)
    body = read_responses(raw)
    keep = archive.put if body.store is not False and archive.is_open else None
    call = ResponsesCall(body, await _items(archive, body), keep)
    return Delivery(server, call.dialect, request.scope, raw)


async def get_response(request: ApiRequest, server: ServerState) -> Response[bytes]:
    kept = await ResponseArchive(server.shelf).get(resource_of(request.scope).name)
    return json_response(_encode(kept.response))


async def delete_response(request: ApiRequest, server: ServerState) -> Response[bytes]:
    response_id = resource_of(request.scope).name
    await ResponseArchive(server.shelf).delete(response_id)
    return json_response(_encode({"id": response_id, "object": "response", "deleted": True}))


async def list_input_items(request: ApiRequest, server: ServerState) -> Response[bytes]:
    kept = await ResponseArchive(server.shelf).get(resource_of(request.scope).name)
    return json_response(_encode(page(kept.input, request.query_params)))


async def _items(archive: ResponseArchive, body: ResponsesBody) -> AskedItems:
    """What is to be answered, with what came before. Raises NotKeptError."""
    previous = body.previous_response_id
    earlier = [] if previous is None else await archive.history(previous)
    return AskedItems(earlier, await archive.resolved(items_of(body.input)))


ROUTES = (
    Route(
        "POST",
        "/v1/responses",
        create_response,
        "Answer in items: thoughts, texts, calls",
        body=ResponsesBody,
        media_types=(JSON, EVENTS),
    ),
    Route("GET", "/v1/responses/{id}", get_response, "A response that is kept"),
    Route("DELETE", "/v1/responses/{id}", delete_response, "Forget a response"),
    Route("GET", "/v1/responses/{id}/input_items", list_input_items, "The items that a response was asked with"),
)
