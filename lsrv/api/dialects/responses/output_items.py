"""Items of an answer while they come into being: each writes its own events. Pure.

An item is opened, gets texts, and is closed; what it is then is `item`.
"""

from __future__ import annotations

from typing import Literal, Protocol

from lsrv.api.dialects.openai.chat_reply import token_objects
from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.events import EventNumbers, delta_prefix, new_item_id
from lsrv.api.dialects.responses.thoughts import sealed
from lsrv.protocol.events import TokenLogprob

ItemStatus = Literal["completed", "incomplete"]


class OutputItem(Protocol):
    """An item that is being written."""

    item: Item

    def opening(self) -> bytes: ...
    def add(self, text: str, logprobs: list[TokenLogprob] | None = None) -> bytes: ...
    def closing(self, status: ItemStatus) -> bytes: ...


class _Place:
    """Where an item stands among all, and the events that every kind has."""

    def __init__(self, events: EventNumbers, index: int, item: Item) -> None:
        self.events = events
        self.index = index
        self.at: dict[str, object] = {"item_id": item["id"], "output_index": index}

    def added(self, item: Item) -> bytes:
        return self._event("response.output_item.added", item | {"status": "in_progress"})

    def done(self, item: Item) -> bytes:
        return self._event("response.output_item.done", item)

    def _event(self, name: str, item: Item) -> bytes:
        return self.events.event(name, {"output_index": self.index, "item": item})


class MessageOutput:
    """Text for whoever asked."""

    def __init__(self, events: EventNumbers, index: int) -> None:
        self.item: Item = {"type": "message", "id": new_item_id("msg"), "role": "assistant", "content": []}
        self._place = place = _Place(events, index, self.item)
        self._at = place.at | {"content_index": 0}
        self._prefix = delta_prefix("response.output_text.delta", self._at | {"logprobs": []})
        self._texts: list[str] = []
        self._logprobs: list[Item] = []

    def opening(self) -> bytes:
        return self._place.added(self.item) + self._part("added", _text_part("", []))

    def add(self, text: str, logprobs: list[TokenLogprob] | None = None) -> bytes:
        self._texts.append(text)
        if not logprobs:
            return self._place.events.delta(self._prefix, text)
        scores = token_objects(logprobs)
        self._logprobs += scores
        fields = self._at | {"delta": text, "logprobs": scores}
        return self._place.events.event("response.output_text.delta", fields)

    def closing(self, status: ItemStatus) -> bytes:
        text = "".join(self._texts)
        part = _text_part(text, self._logprobs)
        self.item |= {"status": status, "content": [part]}
        done = self._at | {"text": text, "logprobs": self._logprobs}
        return (
            self._place.events.event("response.output_text.done", done)
            + self._part("done", part)
            + self._place.done(self.item)
        )

    def _part(self, what: str, part: Item) -> bytes:
        return self._place.events.event(f"response.content_part.{what}", self._at | {"part": part})


def _text_part(text: str, logprobs: list[Item]) -> Item:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


class ReasoningOutput:
    """Thoughts. Who asked for a summary gets all of them as that, for nobody here writes another."""

    def __init__(self, events: EventNumbers, index: int, *, is_summary: bool, is_sealed: bool) -> None:
        self.item: Item = {"type": "reasoning", "id": new_item_id("rs"), "summary": [], "content": []}
        self._kind = "summary_text" if is_summary else "reasoning_text"
        self._list = "summary" if is_summary else "content"
        self._part_name = "reasoning_summary_part" if is_summary else "content_part"
        self._text_name = "reasoning_summary_text" if is_summary else "reasoning_text"
        self._is_sealed = is_sealed
        self._place = place = _Place(events, index, self.item)
        self._at = place.at | {f"{self._list}_index": 0}
        self._prefix = delta_prefix(f"response.{self._text_name}.delta", self._at)
        self._texts: list[str] = []

    def opening(self) -> bytes:
        return self._place.added(self.item) + self._part("added", "")

    def add(self, text: str, logprobs: list[TokenLogprob] | None = None) -> bytes:
        self._texts.append(text)
        return self._place.events.delta(self._prefix, text)

    def closing(self, status: ItemStatus) -> bytes:
        text = "".join(self._texts)
        self.item |= {"status": status, self._list: [{"type": self._kind, "text": text}]}
        if self._is_sealed:
            self.item["encrypted_content"] = sealed(text)
        done = self._place.events.event(f"response.{self._text_name}.done", self._at | {"text": text})
        return done + self._part("done", text) + self._place.done(self.item)

    def _part(self, what: str, text: str) -> bytes:
        part = {"type": self._kind, "text": text}
        return self._place.events.event(f"response.{self._part_name}.{what}", self._at | {"part": part})


class CallOutput:
    """A call of a function."""

    def __init__(self, events: EventNumbers, index: int, name: str, call_id: str) -> None:
        self.item: Item = {
            "type": "function_call",
            "id": new_item_id("fc"),
            "call_id": call_id,
            "name": name,
            "arguments": "",
        }
        self._place = place = _Place(events, index, self.item)
        self._prefix = delta_prefix("response.function_call_arguments.delta", place.at)
        self._texts: list[str] = []

    def opening(self) -> bytes:
        return self._place.added(self.item)

    def add(self, text: str, logprobs: list[TokenLogprob] | None = None) -> bytes:
        self._texts.append(text)
        return self._place.events.delta(self._prefix, text) if text else b""

    def closing(self, status: ItemStatus) -> bytes:
        arguments = "".join(self._texts)
        self.item |= {"status": status, "arguments": arguments}
        done = self._place.at | {"name": self.item["name"], "arguments": arguments}
        return self._place.events.event("response.function_call_arguments.done", done) + self._place.done(self.item)
