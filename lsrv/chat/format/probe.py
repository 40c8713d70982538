"""Conversations whose texts are known, and what a template makes of them: the finding compares the renderings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from lsrv.chat.format.call import ToolCall

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

    def __call__(
        self, messages: list[dict[str, object]], tools: list[dict[str, object]] | None, kwargs: dict[str, object]
    ) -> str | None:
        """What it writes; None if it refuses. It may change what it is given."""
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
        return NAMES[0] in (self._text([_user(QUESTION)], {"add_generation_prompt": True}) or "")

    def prompt(self, **kwargs: object) -> str | None:
        """Where an answer begins."""
        return self._after_question([_user(QUESTION)], {"add_generation_prompt": True} | kwargs)

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
        thinking = _THINKING if thought else {}
        return self._after_question(messages, {"add_generation_prompt": False, **thinking})

    def _assistant(self, text: str, calls: Sequence[ToolCall], thought: str) -> dict[str, object]:
        message: dict[str, object] = {"role": "assistant", "content": text or self._empty}
        if thought:
            message |= dict.fromkeys(_THOUGHT_KEYS, thought)
        if calls:
            message["tool_calls"] = [self._call(call) for call in calls]
        return message

    def _call(self, call: ToolCall) -> dict[str, object]:
        arguments = call.arguments if self._shape == "object" else json.dumps(call.arguments, ensure_ascii=False)
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}

    def _after_question(self, messages: list[dict[str, object]], kwargs: dict[str, object]) -> str | None:
        text = self._text(messages, kwargs)
        if text is None or QUESTION not in text:
            return None
        return text[text.rindex(QUESTION) + len(QUESTION) :]

    def _text(self, messages: list[dict[str, object]], kwargs: dict[str, object]) -> str | None:
        return self._render(messages, _tools(), kwargs)


def _user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def _result(call: ToolCall) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": RESULT}


def _tools() -> list[dict[str, object]]:
    return [_tool(name) for name in NAMES]


def _tool(name: str) -> dict[str, object]:
    properties = {key: {"type": "string", "description": "any"} for key in ("key_one", "key_two")}
    parameters = {
        "type": "object", "properties": properties, "required": ["key_one"], "additionalProperties": False,
    }  # fmt: skip
    return {"type": "function", "function": {"name": name, "description": "any", "parameters": parameters}}
