"""Calls as a model writes them, from values. Pure: what the template makes of the same calls is the same text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from lsrv.chat.format.answer_format import (
    AnswerFormat,
    Arguments,
    BareArguments,
    CallFormat,
    Channels,
    Hole,
    JsonArguments,
    JsonType,
    NestedTagArguments,
    PythonArguments,
    TaggedArguments,
)
from lsrv.chat.format.call import JsonValue, ToolCall

_NEEDS_GUARDS = re.compile(r"[<&\n]")


def write_calls(form: AnswerFormat, calls: Sequence[ToolCall]) -> str:
    """All calls of one answer, from the first mark to the last. `form` has calls."""
    assert form.calls is not None
    texts = [_written(form.calls, call, at) for at, call in enumerate(calls)]
    if form.channels is not None:
        return _in_channels(form.channels, calls, texts)
    return form.calls.opens + form.calls.between.join(texts) + form.calls.closes


def write_arguments(arguments: Arguments, values: dict[str, JsonValue]) -> str:
    """What stands in the place of the hole for arguments."""
    match arguments:
        case JsonArguments():
            return json_text(values)
        case TaggedArguments():
            return arguments.between.join(_tagged(arguments, key, value) for key, value in values.items())
        case NestedTagArguments():
            return _nested(arguments, values)
        case PythonArguments():
            return ", ".join(f"{key}={_python(value)}" for key, value in values.items())
        case BareArguments():
            return _bare(arguments, values)


def json_text(value: JsonValue) -> str:
    """JSON as templates write it: no escapes but those that JSON asks for."""
    return json.dumps(value, ensure_ascii=False)


def json_type(value: object) -> JsonType:
    """What JSON Schema calls it."""
    match value:
        case str():
            return "string"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case None:
            return "null"
        case list():
            return "array"
        case _:
            return "object"


def _written(form: CallFormat, call: ToolCall, at: int) -> str:
    return "".join(part if isinstance(part, str) else _filled(form, part, call, at) for part in form.parts)


def _filled(form: CallFormat, hole: Hole, call: ToolCall, at: int) -> str:
    match hole.kind:
        case "name":
            return call.name
        case "id":
            return call.id
        case "index":
            return str(at)
        case "number":
            return str(at + 1)
        case "arguments":
            return write_arguments(form.arguments, call.arguments)


def _in_channels(channels: Channels, calls: Sequence[ToolCall], texts: Sequence[str]) -> str:
    """Each in a message of its own. The prompt ends with `start`; the last end is the end of the answer."""
    ends = channels.ends[:1] or [""]
    messages = [
        channels.call.format(name=call.name) + channels.message + text for call, text in zip(calls, texts, strict=True)
    ]
    return (ends[0] + channels.start).join(messages)


def _tagged(form: TaggedArguments, key: str, value: JsonValue) -> str:
    after_key = form.after_key.get(json_type(value), form.after_key["string"])
    return form.before_key + key + after_key + _tagged_value(form, value) + form.after_value


def _tagged_value(form: TaggedArguments, value: JsonValue) -> str:
    if isinstance(value, str):
        guards = form.guards if _NEEDS_GUARDS.search(value) else None
        return f"{guards.opens}{value}{guards.closes}" if guards is not None else value
    is_constant = form.has_python_constants and not isinstance(value, dict | list)
    return str(value) if form.is_python or is_constant else json_text(value)


def _nested(form: NestedTagArguments, value: JsonValue) -> str:
    match value:
        case str():
            return value
        case dict():
            return "".join(_in_tag(form, key, inner) for key, inner in value.items())
        case list():
            return "".join(_in_tag(form, form.item, inner) for inner in value)
        case _:
            return json_text(value)


def _in_tag(form: NestedTagArguments, key: str, value: JsonValue) -> str:
    return form.opens.replace("{key}", key) + _nested(form, value) + form.closes.replace("{key}", key)


def _python(value: JsonValue) -> str:
    return json_text(value) if isinstance(value, dict) else repr(value)


def _bare(form: BareArguments, value: JsonValue) -> str:
    match value:
        case str():
            return form.quote + value + form.quote
        case dict():
            return "{" + ",".join(f"{key}:{_bare(form, inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(_bare(form, inner) for inner in value) + "]"
        case _:
            return json_text(value)
