"""Handlers of OpenAI's Responses API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

import msgspec
from litestar import Response
from litestar.types import Scope

from lsrv.api.answers.delivery import Delivery
from lsrv.api.answers.tokens import tokens_of
from lsrv.api.dialects.responses.background import BackgroundCall
from lsrv.api.dialects.responses.body import InputBody, Item, ResponsesBody, items_of, read_input, read_responses
from lsrv.api.dialects.responses.call import AskedItems, KeepResponse, ResponsesCall
from lsrv.api.dialects.responses.compaction import CompactionCall
from lsrv.api.dialects.responses.events import events_after
from lsrv.api.dialects.responses.kept import KeptResponse, page
from lsrv.api.dialects.responses.request import tokenize_command
from lsrv.api.http.framing import SERVER_SENT_EVENTS
from lsrv.api.http.outliving import Following, OutlivingAnswer
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.kept.conversations import ConversationArchive
from lsrv.api.kept.responses import ResponseArchive
from lsrv.api.routing.handler import ApiRequest, HandlerAnswer, body_of, json_response
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.errors import CapacityError, RequestError

_encode = msgspec.json.Encoder().encode


async def create_response(request: ApiRequest, server: ServerState) -> HandlerAnswer:
    raw = await body_of(request, server)
    body = read_responses(raw)
    items = await asked_items(server, body)
    keep = _keeping(server, body)
    if not body.background:
        return Delivery(server, ResponsesCall(body, items, keep, created=int(time.time())).dialect, request.scope, raw)
    if keep is None or body.store is False:
        raise RequestError("background needs a response that is kept: store must be true.", param="background")
    call = BackgroundCall(body, items, keep, int(time.time()))
    answer = await _started(request.scope, server, call, raw)
    return Following(answer, SERVER_SENT_EVENTS, bytes) if body.stream else json_response(answer.view())


async def get_response(request: ApiRequest, server: ServerState) -> HandlerAnswer:
    response_id, query = resource_of(request.scope).name, request.query_params
    answer = server.outliving.get(response_id)
    if query.get("stream") == "true":
        if answer is None:
            await ResponseArchive(server.shelf).get(response_id)
            raise RequestError(
                "stream: events are there for responses in the background, while they are made and shortly after.",
                param="stream",
            )
        return Following(answer, SERVER_SENT_EVENTS, partial(events_after, number=_starting_after(query)))
    if answer is not None:
        return json_response(answer.view())
    return json_response(_encode((await ResponseArchive(server.shelf).get(response_id)).response))


async def cancel_response(request: ApiRequest, server: ServerState) -> Response[bytes]:
    response_id = resource_of(request.scope).name
    if (answer := server.outliving.get(response_id)) is not None:
        await answer.cancel()
        return json_response(answer.view())
    kept = await ResponseArchive(server.shelf).get(response_id)
    if not kept.response["background"]:
        raise RequestError("Cannot cancel a synchronous response.", param="response_id")
    return json_response(_encode(kept.response))


async def delete_response(request: ApiRequest, server: ServerState) -> Response[bytes]:
    response_id = resource_of(request.scope).name
    if (answer := server.outliving.get(response_id)) is not None:
        await answer.cancel()
        server.outliving.forget(response_id)
    await ResponseArchive(server.shelf).delete(response_id)
    return json_response(_encode({"id": response_id, "object": "response", "deleted": True}))


async def list_input_items(request: ApiRequest, server: ServerState) -> Response[bytes]:
    kept = await ResponseArchive(server.shelf).get(resource_of(request.scope).name)
    return json_response(_encode(page(kept.input, request.query_params)))


async def count_input_tokens(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = read_input(await body_of(request, server))
    items = await asked_items(server, body)
    command = tokenize_command(body, items.earlier, items.new)
    asked = tokens_of(server, record_of(request.scope), body.model, command)
    n_tokens = len((await until_disconnect(request.receive, asked)).tokens)
    return json_response(_encode({"object": "response.input_tokens", "input_tokens": n_tokens}))


async def compact(request: ApiRequest, server: ServerState) -> HandlerAnswer:
    raw = await body_of(request, server)
    body = read_input(raw)
    return Delivery(server, CompactionCall(body, await asked_items(server, body)).dialect, request.scope, raw)


async def asked_items(server: ServerState, body: InputBody) -> AskedItems:
    """What is to be answered, with what came before. Raises NotKeptError."""
    archive, previous, earlier = ResponseArchive(server.shelf), body.previous_response_id, list[Item]()
    if previous is not None:
        earlier = await archive.history(previous)
    elif body.conversation_id is not None:
        earlier = (await ConversationArchive(server.shelf).get(body.conversation_id)).items
    return AskedItems(earlier, await archive.resolved(items_of(body.input)))


def _keeping(server: ServerState, body: ResponsesBody) -> KeepResponse | None:
    """What is done with a response that is over; a conversation gets what was said even if it is not stored itself."""
    archive = ResponseArchive(server.shelf)
    store = archive.put if body.store is not False and archive.is_open else None
    conversation_id = body.conversation_id
    if conversation_id is None:
        return store

    async def keep(kept: KeptResponse) -> bool:
        is_added = await ConversationArchive(server.shelf).add(conversation_id, [*kept.input, *kept.output])
        return (store is None or await store(kept)) and is_added

    return keep


async def _started(scope: Scope, server: ServerState, call: BackgroundCall, raw: bytes) -> OutlivingAnswer:
    """An answer that runs by itself. Raises CapacityError if nothing can be kept now, and what is wrong with it."""
    call.dialect.parse(raw)
    names = server.registry.names
    model = names.first_known(call.dialect.read_head(raw).spellings)
    if names.route(model) is None:
        names.target(model)
    archive = ResponseArchive(server.shelf)
    if not await archive.put(call.kept()):
        raise CapacityError("A response in the background has to be kept, and the disk refuses; the log says why.")
    answer = OutlivingAnswer(call.view, call.opening())

    async def conclude() -> bytes:
        last = call.concluded(answer.refusal, is_cancelled=answer.is_cancelled)
        await archive.put(call.kept())
        return last

    server.outliving.start(
        call.response_id, answer, scope, lambda own: Delivery(server, call.dialect, own, raw), conclude
    )
    return answer


def _starting_after(query: Mapping[str, str]) -> int:
    text = query.get("starting_after", "-1")
    if text != "-1" and not (text.isascii() and text.isdigit()):
        raise RequestError("starting_after must be the sequence_number of an event.", param="starting_after")
    return int(text[:18])


ROUTES = (
    Route(
        "POST",
        "/v1/responses",
        create_response,
        "Answer in items: thoughts, texts, calls",
        body=ResponsesBody,
        media_types=(JSON, EVENTS),
    ),
    Route("POST", "/v1/responses/compact", compact, "Sum up what was said", body=InputBody),
    Route("POST", "/v1/responses/input_tokens", count_input_tokens, "How long an input is", body=InputBody),
    Route("GET", "/v1/responses/{id}", get_response, "A response that is kept", media_types=(JSON, EVENTS)),
    Route("POST", "/v1/responses/{id}/cancel", cancel_response, "End a response that is made in the background"),
    Route("DELETE", "/v1/responses/{id}", delete_response, "Forget a response"),
    Route("GET", "/v1/responses/{id}/input_items", list_input_items, "The items that a response was asked with"),
)
