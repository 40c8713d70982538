"""A call of a custom tool: the one text that it takes, out of the arguments that the model wrote. Pure."""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.events import EventNumbers, new_item_id
from lsrv.api.dialects.responses.output_items import ItemStatus
from lsrv.protocol.events import TokenLogprob


class _Arguments(msgspec.Struct):
    input: str


_decoder = msgspec.json.Decoder(_Arguments)


class CustomCallOutput:
    """A call whose text comes in one piece, once the arguments are whole."""

    def __init__(self, events: EventNumbers, index: int, name: str, call_id: str) -> None:
        self.item: Item = {
            "type": "custom_tool_call",
            "id": new_item_id("ctc"),
            "call_id": call_id,
            "name": name,
            "input": "",
        }
        self._events = events
        self._index = index
        self._texts: list[str] = []

    def opening(self) -> bytes:
        return self._whole("added", {"status": "in_progress"})

    def add(self, text: str, logprobs: list[TokenLogprob] | None = None) -> bytes:
        self._texts.append(text)
        return b""

    def closing(self, status: ItemStatus) -> bytes:
        text = _input("".join(self._texts))
        self.item |= {"status": status, "input": text}
        at: Item = {"item_id": self.item["id"], "output_index": self._index}
        delta = self._events.event("response.custom_tool_call_input.delta", at | {"delta": text})
        done = self._events.event("response.custom_tool_call_input.done", at | {"input": text})
        return delta + done + self._whole("done", {})

    def _whole(self, what: str, status: Item) -> bytes:
        fields: Item = {"output_index": self._index, "item": self.item | status}
        return self._events.event(f"response.output_item.{what}", fields)


def _input(arguments: str) -> str:
    """An answer may be cut off within its arguments: then all that there is of them."""
    try:
        return _decoder.decode(arguments).input
    except msgspec.DecodeError:
        return arguments
