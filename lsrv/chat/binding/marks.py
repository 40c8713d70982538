"""The fixed texts of a format: what a reader looks for, and a vocabulary may have control tokens for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsrv.chat.format.answer_format import (
    AnswerFormat,
    Arguments,
    BareArguments,
    CallFormat,
    Channels,
    Marks,
    NestedTagArguments,
    TaggedArguments,
)

_NAMES = re.compile(r"\{name\}|\{key\}")


def marks_of(form: AnswerFormat, *, has_tools: bool) -> list[str]:
    """Every fixed text that answers of this form are told apart by; those of calls only where there are tools.

    Texts with the place of a name in them are told as what stands in front of it and behind it.
    """
    found = [*_around(form.thoughts), *_around(form.text), form.end]
    if form.channels is not None:
        found += _of_channels(form.channels)
    if form.calls is not None and has_tools:
        found += _of_calls(form.calls)
    parts = [part for mark in found for part in _NAMES.split(mark)]
    return [part for part in dict.fromkeys(parts) if part]


def _around(marks: Marks | None) -> list[str]:
    return [] if marks is None else [marks.opens, marks.closes]


def _of_channels(channels: Channels) -> Iterator[str]:
    yield from (channels.start, channels.message, channels.text, channels.preamble, channels.callee, channels.call)
    yield from channels.ends
    yield from channels.thoughts


def _of_calls(calls: CallFormat) -> Iterator[str]:
    yield from (calls.opens, calls.between, calls.closes)
    yield from (part for part in calls.parts if isinstance(part, str))
    yield from _of_arguments(calls.arguments)


def _of_arguments(arguments: Arguments) -> list[str]:
    match arguments:
        case TaggedArguments():
            tags = [arguments.before_key, arguments.after_value, arguments.between]
            return [*tags, *arguments.after_key.values(), *_around(arguments.guards)]
        case NestedTagArguments():
            return [arguments.opens, arguments.closes, arguments.item]
        case BareArguments():
            return [arguments.quote]
        case _:
            return []
