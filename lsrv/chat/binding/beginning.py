"""Where an answer begins: what the prompt of a chat has opened already. Pure."""

from __future__ import annotations

from typing import Literal

from lsrv.chat.format.answer_format import AnswerFormat, Channels

AnswerBeginning = Literal["start", "thought", "text", "answer"]
"""Nothing is open; a thought is, or text is; or thoughts are over."""


def beginning_of(form: AnswerFormat, prompt: str) -> AnswerBeginning:
    """What an answer to `prompt` begins inside of, or behind."""
    if form.channels is not None:
        return _in_channels(form.channels, prompt)
    end = prompt.rstrip()
    thoughts, text = form.thoughts, form.text
    if text is not None and text.opens and end.endswith(text.opens):
        return "text"
    if thoughts is None:
        return "start"
    if thoughts.opens and end.endswith(thoughts.opens):
        return "thought"
    return "answer" if end.endswith(thoughts.closes) else "start"


def _in_channels(channels: Channels, prompt: str) -> AnswerBeginning:
    _, started, header = prompt.rpartition(channels.start)
    if not started or not header.endswith(channels.message):
        return "start"
    return "thought" if any(each in header for each in channels.thoughts) else "text"
