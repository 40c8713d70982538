"""Where an answer begins: in a thought that the prompt opened, in a text, or before anything was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from lsrv.chat.format.answer_format import AnswerFormat, Channels, Marks


def opens_thought(form: AnswerFormat, prompt: str, n_prefill: int = 0) -> bool:
    """Whether the answer to `prompt` begins inside of a thought.

    `n_prefill`: characters of the answer that the prompt has already. Only they can stand behind the mark of a thought
    that goes on: the mark is also found in what people write.
    """
    if form.channels is not None:
        header, is_begun = channel_opening(form.channels, prompt)
        return is_begun and is_thought(form.channels, header)
    return form.thoughts is not None and is_open(form.thoughts, prompt, n_prefill)


def is_open(marks: Marks, prompt: str, n_prefill: int = 0) -> bool:
    """Whether the prompt ends between these marks."""
    if not marks.opens:
        return not prompt.rstrip().endswith(marks.closes)
    _, found, behind = prompt.rpartition(marks.opens)
    if not found or (marks.closes and marks.closes in behind):
        return False
    return len(behind.strip()) <= n_prefill


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


def channel_opening(channels: Channels, prompt: str) -> tuple[str, bool]:
    """What the prompt has of the header that the answer begins with, and whether the message under it has begun."""
    _, found, behind = prompt.rpartition(channels.start)
    if not found:
        return "", False
    header, message, text = behind.partition(channels.message)
    if any(end in text for end in channels.ends if end):
        return "", False
    return header, bool(message)


def is_thought(channels: Channels, header: str) -> bool:
    """Whether a message under `header` is a thought."""
    return any(thought.strip() in header for thought in channels.thoughts)
