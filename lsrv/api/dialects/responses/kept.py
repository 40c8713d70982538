"""What is kept of a response: itself, and the items it was asked with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from lsrv.api.dialects.fields.page_limit import page_limit
from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.events import new_item_id
from lsrv.echo import echo
from lsrv.errors import RequestError

MAX_LISTED = 100
_LISTED = 20

_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "compaction": "cmp",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}


class KeptResponse(msgspec.Struct, frozen=True):
    """`input`: the items of its own request, each with an id. What came before them, `previous_response_id` tells."""

    response: Item
    input: list[Item]

    @property
    def is_open(self) -> bool:
        """Whether it was still being made when it was kept."""
        return self.response["status"] in ("queued", "in_progress")

    @property
    def response_id(self) -> str:
        return str(self.response["id"])

    @property
    def output(self) -> list[Item]:
        return msgspec.convert(self.response["output"], list[Item])

    @property
    def item_ids(self) -> list[str]:
        return [str(item["id"]) for item in (*self.input, *self.output) if "id" in item]


def interrupted(kept: KeptResponse) -> KeptResponse:
    """What became of a response that was being made when its server stopped."""
    message = "The server stopped while this response was being made; ask again."
    error: Item = {"code": "server_error", "message": message}
    return KeptResponse(kept.response | {"status": "failed", "error": error}, kept.input)


def named_item(item: Item) -> Item:
    """An item of a request as it is kept: with type and id, and a text of a message as a part."""
    kind = str(item.get("type", "message"))
    named: Item = {"id": new_item_id(_PREFIXES.get(kind, "item")), **item, "type": kind}
    if not isinstance(item.get("id"), str):  # null, or nothing that a path could name
        named["id"] = new_item_id(_PREFIXES.get(kind, "item"))
    if kind == "message":
        named.setdefault("status", "completed")
        if isinstance(text := named.get("content"), str):
            part = "output_text" if named.get("role") == "assistant" else "input_text"
            named["content"] = [{"type": part, "text": text}]
    return named


def page(items: Sequence[Item], query: Mapping[str, str]) -> Item:
    """A list as this API gives it, by `after`, `limit` and `order` (the newest first). Raises RequestError."""
    limit, order = page_limit(query.get("limit"), default=_LISTED, most=MAX_LISTED), _order(query.get("order"))
    ordered = list(items) if order == "asc" else list(reversed(items))
    if (after := query.get("after")) is not None:
        places = [i for i, item in enumerate(ordered) if item.get("id") == after]
        if not places:
            raise RequestError(f"after is {echo(after)!r}, which is no item of this list.", param="after")
        ordered = ordered[places[0] + 1 :]
    data = ordered[:limit]
    ids = [item.get("id") for item in data]
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": len(ordered) > limit,
    }


def _order(text: str | None) -> Literal["asc", "desc"]:
    if text not in (None, "asc", "desc"):
        raise RequestError("order must be asc or desc.", param="order")
    return "asc" if text == "asc" else "desc"
