"""Responses that are kept: by id, with their histories, and by the ids of their items."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.conversation import ID_PREFIX
from lsrv.api.dialects.responses.kept import KeptResponse, interrupted
from lsrv.api.http.errors import NotKeptError
from lsrv.documents import Shelf
from lsrv.echo import echo

_REFERENCE = "item_reference"
_MAX_TURNS = 1000  # of one history


class _Items(msgspec.Struct):
    """Whatever holds items: a response has them by `input` and in itself, a conversation by `items`."""

    response: Item = {}
    input: list[Item] = []
    items: list[Item] = []

    def item(self, item_id: str) -> Item | None:
        output = msgspec.convert(self.response.get("output", []), list[Item])
        return next((item for item in (*self.input, *output, *self.items) if item.get("id") == item_id), None)


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(KeptResponse)
_part_decoder = msgspec.json.Decoder(_Items)


class PreviousNotKeptError(NotKeptError):
    code = "previous_response_not_found"


class ResponseArchive:
    """The responses on `shelf`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @property
    def is_open(self) -> bool:
        """Whether anything is kept at all."""
        return self._shelf.is_open

    async def get(self, response_id: str) -> KeptResponse:
        """Raises NotKeptError."""
        raw = await self._raw(response_id)
        if raw is None:
            raise NotKeptError(f"Response with id '{echo(response_id)}' not found.", param="response_id")
        kept = _decoder.decode(raw)
        return interrupted(kept) if kept.is_open else kept  # who still makes one is asked first

    async def put(self, kept: KeptResponse) -> bool:
        """Whether it could be kept."""
        return await self._shelf.put(kept.response_id, _encode(kept), kept.item_ids)

    async def delete(self, response_id: str) -> None:
        """Raises NotKeptError."""
        await self.get(response_id)
        await self._shelf.delete(response_id)

    async def history(self, response_id: str) -> list[Item]:
        """All items up to the end of that response. Raises PreviousNotKeptError if one before it is gone, too."""
        turns: list[KeptResponse] = []
        wanted: object = response_id
        while wanted is not None and len(turns) < _MAX_TURNS:
            raw = await self._raw(str(wanted))
            if raw is None:
                raise PreviousNotKeptError(
                    f"Previous response with id '{echo(str(wanted))}' not found.", param="previous_response_id"
                )
            turns.append(_decoder.decode(raw))
            wanted = turns[-1].response.get("previous_response_id")
        return [item for turn in reversed(turns) for item in (*turn.input, *turn.output)]

    async def _raw(self, response_id: str) -> bytes | None:
        """Conversations lie on the same shelf."""
        return None if response_id.startswith(f"{ID_PREFIX}_") else await self._shelf.get(response_id)

    async def resolved(self, items: Sequence[Item]) -> list[Item]:
        """`items` with what they refer to in place of references. Raises NotKeptError."""
        return [await self._resolved(item, i) if _is_reference(item) else item for i, item in enumerate(items)]

    async def _resolved(self, item: Item, at: int) -> Item:
        item_id = str(item["id"])
        raw = await self._shelf.with_part(item_id)
        found = None if raw is None else _part_decoder.decode(raw).item(item_id)
        if found is None:
            raise NotKeptError(f"Item with id '{echo(item_id)}' not found.", param=f"input[{at}]")
        return found


def _is_reference(item: Item) -> bool:
    has_id = isinstance(item.get("id"), str)
    return has_id and (item.get("type") == _REFERENCE or (item.keys() <= {"id", "type"} and "type" not in item))
