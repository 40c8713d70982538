"""A conversation that is kept: who it is, and the items that were said in it. Pure.

https://platform.openai.com/docs/api-reference/conversations
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from lsrv.api.dialects.responses.body import Item, MetadataField
from lsrv.api.dialects.responses.history import history_of
from lsrv.api.dialects.responses.kept import named_item
from lsrv.errors import RequestError

MAX_ADDED = 20  # items at a time
ID_PREFIX = "conv"

AddedItems = Annotated[list[Item], Meta(max_length=MAX_ADDED)]


class NewConversationBody(msgspec.Struct, kw_only=True):
    items: AddedItems | None = None
    metadata: MetadataField | None = None


class ConversationChange(msgspec.Struct, kw_only=True):
    metadata: MetadataField | None


class ItemsBody(msgspec.Struct, kw_only=True):
    items: AddedItems


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """`created_at` in Unix time; each item has an id."""

    id: str
    created_at: int
    metadata: dict[str, str] = {}
    items: list[Item] = []

    @property
    def item_ids(self) -> list[str]:
        return [str(item["id"]) for item in self.items]

    def item(self, item_id: str) -> Item | None:
        """One of its items."""
        return next((item for item in self.items if item["id"] == item_id), None)

    def with_items(self, items: Sequence[Item]) -> Conversation:
        """The same with items behind those that it has, one of each id."""
        known = set(self.item_ids)
        return replace(self, items=[*self.items, *(item for item in items if item["id"] not in known)])

    def without(self, item_id: str) -> Conversation:
        """The same without one item."""
        return replace(self, items=[item for item in self.items if item["id"] != item_id])


def said_items(earlier: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """`items` as they are kept. Raises RequestError for those that no later request could take from there."""
    try:
        history_of(None, earlier, items)
    except RequestError as error:
        at = error.param.replace("input[", "items[", 1) if error.param is not None else None
        raise RequestError(error.message.replace("input[", "items[", 1), param=at) from error
    return [named_item(item) for item in items]


def conversation_object(conversation: Conversation) -> Item:
    """What clients are told of it."""
    return {
        "id": conversation.id,
        "object": "conversation",
        "created_at": conversation.created_at,
        "metadata": conversation.metadata,
    }
