"""Items as OpenAI's chat messages, which is what templates are given. Pure.

What one turn of the assistant is made of, thoughts, text and calls, are items of their own; here they become one
message. Items of types that nothing is known of are left out, with a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.dialects.fields.messages import ContentPart, message_content
from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.thoughts import unsealed
from lsrv.api.http.body import convert_body
from lsrv.echo import echo
from lsrv.errors import RequestError

COMPACTION = "compaction"  # an item that sums up what was said before
_SUMMED = "What this conversation has come to so far:\n\n"

Content = str | list[ContentPart]


class MessageItem(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant"]
    content: Content


class CompactionItem(msgspec.Struct):
    encrypted_content: str


class ReasoningItem(msgspec.Struct):
    summary: list[ContentPart] | None = None
    content: list[ContentPart] | None = None
    encrypted_content: str | None = None


class CallItem(msgspec.Struct):
    call_id: str
    name: str
    arguments: str = "{}"


class CustomCallItem(msgspec.Struct):
    call_id: str
    name: str
    input: str = ""


class ResultItem(msgspec.Struct):
    call_id: str
    output: Content


@dataclass(slots=True)
class History:
    """`messages`: what was said; `media`: pictures and sounds in it; `notes`: what was left out."""

    messages: list[Item] = field(default_factory=list[Item])
    media: Gathering = field(default_factory=Gathering)
    notes: list[str] = field(default_factory=list[str])
    _calls: set[str] = field(default_factory=set[str])  # all ids of them
    _turn: Item | None = None  # the assistant's, as long as items may belong to it

    def add(self, item: Item, param: str) -> None:
        """The next item. Raises RequestError that names its place."""
        kind = item.get("type", "message")
        try:
            self._add(kind, item, param)
        except RequestError as error:
            if error.param is not None and error.param.startswith(param):
                raise
            place = f"{param}.{error.param}" if error.param else param
            raise RequestError(f"{param}: {error.message}", param=place) from error

    def _add(self, kind: object, item: Item, param: str) -> None:
        if kind == "message":
            self._message(convert_body(item, MessageItem), param)
        elif kind == COMPACTION:
            self._compaction(convert_body(item, CompactionItem), param)
        elif kind == "reasoning":
            self._reasoning(convert_body(item, ReasoningItem))
        elif kind == "function_call":
            call = convert_body(item, CallItem)
            self._call(call.call_id, call.name, call.arguments)
        elif kind == "custom_tool_call":
            call = convert_body(item, CustomCallItem)
            self._call(call.call_id, call.name, custom_arguments(call.input))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            self._result(convert_body(item, ResultItem), param)
        else:
            self.notes.append(f"{param}: an item of type {echo(str(kind))!r} says nothing to this server")

    def _message(self, item: MessageItem, param: str) -> None:
        text = message_content(item.content, f"{param}.content", self.media)
        if item.role != "assistant":
            self._turn = None
            role = "system" if item.role == "developer" else item.role
            self.messages.append({"role": role, "content": text})
        elif self._turn is not None and not self._turn["content"] and "tool_calls" not in self._turn:
            self._turn["content"] = text
        else:
            self._begin(text)

    def _reasoning(self, item: ReasoningItem) -> None:
        thoughts = "\n\n".join(part.text or "" for part in item.content or item.summary or [])
        thoughts = thoughts or unsealed(item.encrypted_content or "") or ""
        if thoughts:
            self._begin("")["reasoning_content"] = thoughts

    def _compaction(self, item: CompactionItem, param: str) -> None:
        summed = unsealed(item.encrypted_content)
        if summed is None:
            self.notes.append(f"{param}: another server wrote this compaction, and nobody else reads it")
        else:
            self._turn = None
            self.messages.append({"role": "assistant", "content": f"{_SUMMED}{summed}"})

    def _call(self, call_id: str, name: str, arguments: str) -> None:
        turn = self._begin("") if self._turn is None else self._turn
        calls = turn.setdefault("tool_calls", list[Item]())
        assert isinstance(calls, list)
        calls.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}})
        self._calls.add(call_id)

    def _result(self, item: ResultItem, param: str) -> None:
        if item.call_id not in self._calls:
            raise RequestError(
                f"No tool call found for function call output with call_id {echo(item.call_id)}.", param=param
            )
        self._turn = None
        text = message_content(item.output, f"{param}.output", self.media)
        self.messages.append({"role": "tool", "tool_call_id": item.call_id, "content": text})

    def _begin(self, text: object) -> Item:
        self._turn = {"role": "assistant", "content": text}
        self.messages.append(self._turn)
        return self._turn


def history_of(instructions: str | None, earlier: Sequence[Item], items: Sequence[Item]) -> History:
    """What was said: `earlier` as it is kept, then `items` of the body. Raises RequestError."""
    history = History()
    if instructions:
        history.messages.append({"role": "system", "content": instructions})
    for i, item in enumerate(earlier):
        history.add(item, f"previous input[{i}]")
    for i, item in enumerate(items):
        history.add(item, f"input[{i}]")
    return history


def custom_arguments(text: str) -> str:
    """What a custom tool is called with, as the arguments of a function of one text."""
    return msgspec.json.encode({"input": text}).decode()
