"""Conversations that are kept, by id. Each change reads and writes in one go, so that none is lost to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.conversation import ID_PREFIX, Conversation
from lsrv.api.http.errors import NotKeptError
from lsrv.documents import Rewritten, Shelf
from lsrv.echo import echo
from lsrv.errors import CapacityError, UnsupportedParameterError

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Conversation)


class ConversationArchive:
    """The conversations on `shelf`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def get(self, conversation_id: str) -> Conversation:
        """Raises NotKeptError."""
        raw = await self._shelf.get(conversation_id) if _is_one(conversation_id) else None
        if raw is None:
            raise _gone(conversation_id)
        return _decoder.decode(raw)

    async def put(self, conversation: Conversation) -> None:
        """Keep a new one. Raises CapacityError if the disk refuses, UnsupportedParameterError if nothing is kept."""
        if not self._shelf.is_open:
            raise UnsupportedParameterError(
                "Conversations are kept, and this server keeps none: response_store is 0 under [server]."
            )
        if not await self._shelf.put(conversation.id, _encode(conversation), conversation.item_ids):
            raise CapacityError("A conversation has to be kept, and the disk refuses; the log says why.")

    async def change(self, conversation_id: str, change: Callable[[Conversation], Conversation]) -> Conversation:
        """What becomes of it. Raises NotKeptError, CapacityError, and what `change` does, which runs in a thread."""
        changed: list[Conversation] = []

        def rewrite(raw: bytes) -> Rewritten:
            changed.append(change(_decoder.decode(raw)))
            return Rewritten(_encode(changed[0]), changed[0].item_ids)

        is_kept = await self._shelf.change(conversation_id, rewrite) if _is_one(conversation_id) else None
        if is_kept is None:
            raise _gone(conversation_id)
        if not is_kept:
            raise CapacityError("This conversation has become too long to be kept; begin another one.")
        return changed[0]

    async def add(self, conversation_id: str, items: Sequence[Item]) -> bool:
        """Whether an answer could be put behind what was said."""
        try:
            await self.change(conversation_id, lambda conversation: conversation.with_items(items))
        except (NotKeptError, CapacityError):
            return False
        return True

    async def delete(self, conversation_id: str) -> None:
        """Raises NotKeptError."""
        if not _is_one(conversation_id) or not await self._shelf.delete(conversation_id):
            raise _gone(conversation_id)


def _is_one(document_id: str) -> bool:
    """Responses lie on the same shelf."""
    return document_id.startswith(f"{ID_PREFIX}_")


def _gone(conversation_id: str) -> NotKeptError:
    return NotKeptError(f"Conversation with id '{echo(conversation_id)}' not found.", param="conversation")
