"""Documents as the model sees them: through the template that is shipped, marked with what it has to write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from corpus.mix import Document
from corpus.sample import Conversation, Turn
from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

IM_START, IM_END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
_ASSISTANT = f"{IM_START}assistant\n"
_FORCED = "<think>\n"
_AFTER_RESULT = "I have the result."
_SPONTANEOUS = "word problem"  # the one skill that reasons without being told to

Message = dict[str, object]


@dataclass(frozen=True)
class Segment:
    """A stretch of text; `is_written`: by the model, else by whoever talks to it."""

    text: str
    is_written: bool


@cache
def template() -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string((Path(__file__).parent / "chat.jinja").read_text())


def prompt(
    messages: list[Message], conversation: Conversation, is_thinking: bool | None = None, *, is_open: bool = True
) -> str:
    """The rendered template; `is_open`: ready for the assistant's answer."""
    head: list[Message] = [{"role": "system", "content": conversation.system}] if conversation.system else []
    names: dict[str, object] = {} if is_thinking is None else {"enable_thinking": is_thinking}
    return template().render(
        messages=[*head, *messages], tools=list(conversation.tools) or None, add_generation_prompt=is_open, **names
    )


def segments(document: Document, *, is_cut_at_call: bool = False) -> list[Segment]:
    """The document in order. `is_cut_at_call`: it ends with the call of the last turn instead of its answer."""
    if document.conversation is None:
        return [Segment(document.text + END_OF_TEXT, True)]
    conversation, thinking = document.conversation, document.is_thinking
    messages = [message for turn in conversation.turns for message in _messages(turn, thinking)]
    if is_cut_at_call and conversation.turns[-1].calls:
        messages = messages[: -1 - len(conversation.turns[-1].results)]
    text = prompt(messages[:-1], conversation, thinking)
    whole = prompt(messages, conversation, thinking, is_open=False)
    written = whole[whole.rindex(_ASSISTANT) + len(_ASSISTANT) :]
    if thinking:
        written = written.removeprefix(_FORCED)
    return [*_marked(text, thinking), Segment(written, True)]


def _marked(text: str, thinking: bool | None) -> Iterator[Segment]:
    """What stands before the last answer: earlier answers were written by the model too."""
    head, *rest = text.split(_ASSISTANT)
    yield Segment(head + _ASSISTANT, False)
    for index, part in enumerate(rest):
        if index == len(rest) - 1:
            if part:
                yield Segment(part, False)  # what the template opens for the last answer
            return
        answer, end, following = part.partition(IM_END)
        if thinking and answer.startswith(_FORCED):
            yield Segment(_FORCED, False)
            answer = answer.removeprefix(_FORCED)
        yield Segment(answer + end, True)
        yield Segment(following + _ASSISTANT, False)


def _messages(turn: Turn, thinking: bool | None) -> list[Message]:
    """A turn as OpenAI messages."""
    reasons = bool(thinking) or (thinking is None and turn.skill == _SPONTANEOUS)
    reasoning = (turn.reasoning or "This is easy.") if reasons else ""
    messages: list[Message] = [{"role": "user", "content": turn.user}]
    if turn.calls:
        calls = [{"function": call} for call in turn.calls]
        messages.append({"role": "assistant", "content": "", "tool_calls": calls, "reasoning_content": reasoning})
        messages += [{"role": "tool", "content": result} for result in turn.results]
        reasoning = _AFTER_RESULT if reasons else ""
    messages.append({"role": "assistant", "content": turn.answer, "reasoning_content": reasoning})
    return messages
