"""Conversations whose texts are known, and what a template makes of them: the finding compares the renderings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from lsrv.chat.format.call import ToolCall
from lsrv.chat.templates.chat import Chat, Message

QUESTION = "QuestionOne"
TEXT = "ContentOne"
THOUGHT = "ThoughtOne"
RESULT = "ResultOne"
NAMES = ("alpha_tool", "beta_tool")
IDS = ("abcdef017", "abcdef028")  # what Mistral's templates ask for: nine letters and digits
_REPLY = "ReplyOne"
_THOUGHT_KEYS = ("reasoning_content", "reasoning", "thinking")
_THINKING: Mapping[str, object] = {"enable_thinking": True, "thinking": True}

Shape = Literal["object", "text"]


class Renderer(Protocol):
    """A template, as it is: neither messages nor their order are adapted to it."""

    def __call__(self, chat: Chat, *, asks: bool) -> str | None:
        """What it writes; None if it refuses. asks: let an answer begin at the end."""
        ...


def probes(render: Renderer) -> list[Probe]:
    """Ways to tell a template of calls, the usual one first."""
    shapes: tuple[Shape, ...] = ("object", "text")
    return [Probe(render, shape, empty) for empty in ("", None) for shape in shapes]


class Probe:
    """Renders turns of an assistant. `shape`: how the template takes a call's arguments; `empty`: no text at all."""

    def __init__(self, render: Renderer, shape: Shape, empty: str | None) -> None:
        self._render = render
        self._shape: Shape = shape
        self._empty = empty

    @property
    def shows_tools(self) -> bool:
        """Whether the template names the tools that it is given."""
        return NAMES[0] in (self._text([_user(QUESTION)], {}, asks=True) or "")

    def prompt(self, **kwargs: object) -> str | None:
        """Where an answer begins."""
        return self._after_question([_user(QUESTION)], kwargs, asks=True)

    def turn(
        self, text: str = "", calls: Sequence[ToolCall] = (), thought: str = "", *, is_past: bool = False
    ) -> str | None:
        """What stands behind the question when the assistant has answered; None if the template refuses.

        `is_past`: results follow, and another question.
        """
        messages = [_user(QUESTION), self._assistant(text, calls, thought)]
        if is_past:
            messages += [_result(call) for call in calls]
            messages += [_user(_REPLY)] if not calls else []
        return self._after_question(messages, _THINKING if thought else {}, asks=False)

    def _assistant(self, text: str, calls: Sequence[ToolCall], thought: str) -> Message:
        message: Message = {"role": "assistant", "content": text or self._empty}
        if thought:
            message |= dict.fromkeys(_THOUGHT_KEYS, thought)
        if calls:
            message["tool_calls"] = [self._call(call) for call in calls]
        return message

    def _call(self, call: ToolCall) -> dict[str, object]:
        arguments = call.arguments if self._shape == "object" else json.dumps(call.arguments, ensure_ascii=False)
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}

    def _after_question(self, messages: list[Message], kwargs: Mapping[str, object], *, asks: bool) -> str | None:
        text = self._text(messages, kwargs, asks=asks)
        if text is None or QUESTION not in text:
            return None
        return text[text.rindex(QUESTION) + len(QUESTION) :]

    def _text(self, messages: list[Message], kwargs: Mapping[str, object], *, asks: bool) -> str | None:
        return self._render(Chat(messages, dict(kwargs), _tools()), asks=asks)


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _result(call: ToolCall) -> Message:
    return {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": RESULT}


def _tools() -> list[dict[str, object]]:
    return [_tool(name) for name in NAMES]


def _tool(name: str) -> dict[str, object]:
    properties = {key: {"type": "string", "description": "any"} for key in ("key_one", "key_two")}
    parameters = {
        "type": "object", "properties": properties, "required": ["key_one"], "additionalProperties": False,
    }  # fmt: skip
    return {"type": "function", "function": {"name": name, "description": "any", "parameters": parameters}}
