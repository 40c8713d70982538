"""Conversations whose texts are known, and what a template makes of them: the finding compares the renderings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

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


class Renderer(Protocol):
    """A template, with chats in OpenAI's shape fitted to it."""

    def __call__(self, chat: Chat, *, asks: bool) -> str | None:
        """What it writes; None if it refuses. asks: let an answer begin at the end."""
        ...


class Probe:
    """Renders turns of an assistant."""

    def __init__(self, render: Renderer) -> None:
        self._render = render

    @property
    def shows_tools(self) -> bool:
        """Whether the template names the tools that it is given."""
        return NAMES[0] in (self._text([_user(QUESTION)], {}, asks=True) or "")

    @property
    def shows_calls(self) -> bool:
        """Whether it names the tools that were called in earlier turns."""
        return NAMES[0] in (self.turn(calls=[ToolCall(NAMES[0], {"key_one": "ValueOne"}, IDS[0])]) or "")

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
        message: Message = {"role": "assistant", "content": text}
        if thought:
            message |= dict.fromkeys(_THOUGHT_KEYS, thought)
        if calls:
            message["tool_calls"] = [_call(call) for call in calls]
        return message

    def _after_question(self, messages: list[Message], kwargs: Mapping[str, object], *, asks: bool) -> str | None:
        text = self._text(messages, kwargs, asks=asks)
        if text is None or QUESTION not in text:
            return None
        return text[text.rindex(QUESTION) + len(QUESTION) :]

    def _text(self, messages: list[Message], kwargs: Mapping[str, object], *, asks: bool) -> str | None:
        return self._render(Chat(messages, dict(kwargs), _tools()), asks=asks)


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


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
