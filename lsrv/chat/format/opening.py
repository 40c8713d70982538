"""Where an answer begins: what the prompt of a chat has opened already. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import msgspec

from lsrv.chat.format.answer_format import AnswerFormat, Channels, Marks

AnswerBeginning = Literal["start", "thought", "text", "answer"]
"""Nothing is open; a thought is, or text is; or thoughts are over."""


class Opening(msgspec.Struct, frozen=True):
    """`begun`: what the prompt has of what the answer goes on with.

    In channels the header of its first message. Else the beginning of the mark of text that the prompt ends in (`>>>`
    of `>>>all`), which calls may begin with as well.
    """

    beginning: AnswerBeginning = "start"
    begun: str = ""


def opening_of(form: AnswerFormat, prompt: str, n_prefill: int = 0) -> Opening:
    """What an answer to `prompt` begins inside of, or behind.

    `n_prefill`: characters of the answer that the prompt has already, at most. Only they can stand behind a mark that
    counts: marks are also found in what people write.
    """
    if form.channels is not None:
        return _in_channels(form.channels, prompt)
    thoughts, text = form.thoughts, form.text
    if thoughts is not None and thoughts.opens and _is_open(thoughts, prompt, n_prefill):
        return Opening("thought")
    if text is not None and text.opens and _is_open(text, prompt, n_prefill):
        return Opening("text")
    begun = _begun(text.opens, prompt) if text is not None else ""
    if thoughts is None:
        return Opening("start", begun)
    if _is_behind(thoughts.closes, prompt, n_prefill):
        return Opening("answer", begun)
    return Opening("start" if thoughts.opens else "thought", begun)


def _is_open(marks: Marks, prompt: str, n_prefill: int) -> bool:
    """Whether the prompt ends between these marks."""
    _, found, behind = prompt.rpartition(marks.opens)
    is_closed = bool(marks.closes) and marks.closes in behind
    return bool(found) and not is_closed and len(behind.strip()) <= n_prefill


def _is_behind(mark: str, prompt: str, n_prefill: int) -> bool:
    """Whether nothing but the answer's own beginning stands behind a mark."""
    _, found, behind = prompt.rpartition(mark)
    return bool(found) and len(behind.strip()) <= n_prefill


def _begun(mark: str, prompt: str) -> str:
    """The beginning of `mark` that the prompt ends with."""
    return next((mark[:n] for n in range(len(mark) - 1, 0, -1) if prompt.endswith(mark[:n])), "")


def ends_in_word(mark: str) -> bool:
    """Whether white space has to follow a mark: it might be the beginning of another word (`>>>all`, `>>>allocate`)."""
    return mark[-1:].isalnum()


def _in_channels(channels: Channels, prompt: str) -> Opening:
    _, found, behind = prompt.rpartition(channels.start)
    header, message, text = behind.partition(channels.message)
    if not found or any(end in text for end in channels.ends if end):
        return Opening()
    if not message:
        return Opening("start", header)
    return Opening("thought" if is_thought(channels, header) else "text", header)


def is_thought(channels: Channels, header: str) -> bool:
    """Whether a message under `header` is a thought."""
    return any(thought.strip() in header for thought in channels.thoughts)


def n_prefilled(messages: Sequence[Mapping[str, object]]) -> int:
    """Characters of the answer that a last message of the assistant has already, at most; 0 without one."""
    last = messages[-1] if messages else {}
    return _n_characters([last.get("content"), last.get("reasoning_content")]) if last.get("role") == "assistant" else 0


def _n_characters(value: object) -> int:
    """The length of all texts in a content of a message, which may be parts."""
    match value:
        case str():
            return len(value)
        case list():
            return sum(_n_characters(each) for each in cast("list[object]", value))
        case dict():
            return _n_characters(cast("dict[str, object]", value).get("text"))
        case _:
            return 0
