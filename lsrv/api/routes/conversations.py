"""Handlers of OpenAI's Conversations API: what was said, kept by the server for Responses to go on with."""

from __future__ import annotations

import time

import msgspec
from litestar import Response
from msgspec.structs import replace

from lsrv.api.dialects.responses.conversation import (
    ID_PREFIX,
    Conversation,
    ConversationChange,
    ItemsBody,
    NewConversationBody,
    conversation_object,
    said_items,
)
from lsrv.api.dialects.responses.events import new_item_id
from lsrv.api.dialects.responses.kept import page
from lsrv.api.http.body import decode_body
from lsrv.api.http.errors import NotKeptError
from lsrv.api.kept.conversations import ConversationArchive
from lsrv.api.kept.responses import ResponseArchive
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.echo import echo

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(NewConversationBody)
_change_decoder = msgspec.json.Decoder(ConversationChange)
_items_decoder = msgspec.json.Decoder(ItemsBody)

_ITEMS = "/v1/conversations/{id}/items"


async def create_conversation(request: ApiRequest, server: ServerState) -> Response[bytes]:
    raw = await body_of(request, server)
    body = decode_body(_decoder, raw) if raw.strip() else NewConversationBody()
    items = said_items([], await ResponseArchive(server.shelf).resolved(body.items or []))
    conversation = Conversation(
        id=new_item_id(ID_PREFIX), created_at=int(time.time()), metadata=body.metadata or {}, items=items
    )
    await ConversationArchive(server.shelf).put(conversation)
    return _told(conversation)


async def get_conversation(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return _told(await _asked_for(request, server))


async def update_conversation(request: ApiRequest, server: ServerState) -> Response[bytes]:
    metadata = decode_body(_change_decoder, await body_of(request, server)).metadata or {}
    archive = ConversationArchive(server.shelf)
    return _told(await archive.change(_id(request), lambda conversation: replace(conversation, metadata=metadata)))


async def delete_conversation(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Items go with it; responses that were made in it stay."""
    await ConversationArchive(server.shelf).delete(_id(request))
    return json_response(_encode({"id": _id(request), "object": "conversation.deleted", "deleted": True}))


async def add_items(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_items_decoder, await body_of(request, server))
    resolved = await ResponseArchive(server.shelf).resolved(body.items)
    added = said_items((await _asked_for(request, server)).items, resolved)
    await ConversationArchive(server.shelf).change(_id(request), lambda conversation: conversation.with_items(added))
    return json_response(_encode(page(added, {"order": "asc", "limit": "100"})))


async def list_items(request: ApiRequest, server: ServerState) -> Response[bytes]:
    return json_response(_encode(page((await _asked_for(request, server)).items, request.query_params)))


async def get_item(request: ApiRequest, server: ServerState) -> Response[bytes]:
    item_id = resource_of(request.scope).part
    item = (await _asked_for(request, server)).item(item_id)
    if item is None:
        raise _no_item(item_id)
    return json_response(_encode(item))


async def delete_item(request: ApiRequest, server: ServerState) -> Response[bytes]:
    item_id = resource_of(request.scope).part

    def without(conversation: Conversation) -> Conversation:
        if conversation.item(item_id) is None:
            raise _no_item(item_id)
        return conversation.without(item_id)

    return _told(await ConversationArchive(server.shelf).change(_id(request), without))


async def _asked_for(request: ApiRequest, server: ServerState) -> Conversation:
    return await ConversationArchive(server.shelf).get(_id(request))


def _id(request: ApiRequest) -> str:
    return resource_of(request.scope).name


def _told(conversation: Conversation) -> Response[bytes]:
    return json_response(_encode(conversation_object(conversation)))


def _no_item(item_id: str) -> NotKeptError:
    return NotKeptError(f"Item with id '{echo(item_id)}' not found.", param="item_id")


ROUTES = (
    Route(
        "POST", "/v1/conversations", create_conversation, "Begin a conversation that is kept", body=NewConversationBody
    ),
    Route("GET", "/v1/conversations/{id}", get_conversation, "A conversation"),
    Route("POST", "/v1/conversations/{id}", update_conversation, "Change its metadata", body=ConversationChange),
    Route("DELETE", "/v1/conversations/{id}", delete_conversation, "Forget a conversation and what was said in it"),
    Route("POST", _ITEMS, add_items, "Put items behind those of a conversation", body=ItemsBody),
    Route("GET", _ITEMS, list_items, "What was said in a conversation"),
    Route("GET", f"{_ITEMS}/{{part}}", get_item, "One item of a conversation"),
    Route("DELETE", f"{_ITEMS}/{{part}}", delete_item, "Take an item out of a conversation"),
)
