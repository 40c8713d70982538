"""How a template writes the arguments of a call: JSON, or found by comparing calls with none, one and two of them."""

from __future__ import annotations

import contextlib
import json
import re

import msgspec

from lsrv.chat.format.answer_format import (
    Arguments,
    BareArguments,
    JsonArguments,
    JsonType,
    Marks,
    NestedTagArguments,
    PythonArguments,
    TaggedArguments,
)
from lsrv.chat.format.call import JsonValue, ToolCall
from lsrv.chat.format.marks import common_end, common_start
from lsrv.chat.format.probe import IDS, NAMES, Probe
from lsrv.chat.format.write import json_text, json_type, write_arguments

_KEYS = ("key_one", "key_two")
_VALUES = ("ValueOne", "ValueTwo")
_TYPED: tuple[JsonValue, ...] = ("ValueOne", 2.5, 7319, True, None, {"inner": [7319, True]}, [7319, True])
_TAG_LIKE = "ValueOne <br> ValueTwo"
_SEVERAL_TYPES: dict[str, JsonValue] = {"key_one": "ValueOne", "key_two": {"inner": [7319, True, "x"]}}


_JSON = JsonArguments()
_decoder = json.JSONDecoder()


def find_arguments(probe: Probe) -> Arguments | None:
    """None: the template shows none, or writes them in a way that is not known."""
    found = _JSON if _shows(probe, _JSON, _SEVERAL_TYPES) else _found(probe)
    return found if found is not None and _shows(probe, found, {"key_one": "ValueOne"}) else None


def place_of(text: str, arguments: Arguments, values: dict[str, JsonValue]) -> tuple[int, int] | None:
    """Where `text` has these arguments: start and end. JSON may be spaced in any way."""
    if isinstance(arguments, JsonArguments):
        return _json_place(text, values)
    written = write_arguments(arguments, values)
    at = text.find(written)
    return None if at < 0 else (at, at + len(written))


def _json_place(text: str, values: dict[str, JsonValue]) -> tuple[int, int] | None:
    for brace in re.finditer(r"\{", text):
        with contextlib.suppress(ValueError):
            value, end = _decoder.raw_decode(text, brace.start())
            if value == values:
                return brace.start(), end
    return None


def _shows(probe: Probe, arguments: Arguments, values: dict[str, JsonValue]) -> bool:
    return place_of(_behind_name(probe, values), arguments, values) is not None


def _behind_name(probe: Probe, values: dict[str, JsonValue]) -> str:
    """What stands behind the name of the tool in a turn with one call; empty where there is none."""
    turn = probe.turn(calls=[ToolCall(NAMES[0], values, IDS[0])]) or ""
    return turn.rpartition(NAMES[0])[2]


def _found(probe: Probe) -> Arguments | None:
    none = _behind_name(probe, {})
    both = _behind_name(probe, dict(zip(_KEYS, _VALUES, strict=True)))
    places = [both.find(text) for text in (_KEYS[0], _VALUES[0], _KEYS[1], _VALUES[1])]
    if -1 in places or places != sorted(places):
        return None
    before, after_key, between, _, behind = _split(both, [_KEYS[0], _VALUES[0], _KEYS[1], _VALUES[1]])
    if _KEYS[0] in between:
        return _nested(probe, before, after_key, between)
    if after_key.startswith(":") and between == f"{after_key[1:]},":
        return BareArguments(after_key[1:])
    if after_key == "='":
        return PythonArguments()
    return _tagged(probe, before, between, behind, none)


def _split(text: str, parts: list[str]) -> list[str]:
    pieces: list[str] = []
    for part in parts:
        piece, _, text = text.partition(part)
        pieces.append(piece)
    return [*pieces, text]


def _nested(probe: Probe, before: str, after_key: str, between: str) -> NestedTagArguments | None:
    close, _, rest = between.partition(_KEYS[0])
    after_close = common_start(after_key, rest)
    open_ = common_end(before, rest[len(after_close) :])
    listed = _behind_name(probe, {_KEYS[0]: ["ValueOne"]})
    if not open_:
        return None
    item = listed.partition("ValueOne")[0].rpartition(open_)[2].removesuffix(after_key)
    closes = f"{close}{{key}}{after_close}"
    return NestedTagArguments(opens=f"{open_}{{key}}{after_key}", closes=closes, item=item) if item else None


def _tagged(probe: Probe, before: str, between: str, behind: str, none: str) -> TaggedArguments | None:
    """What stands before and behind all arguments is what there is without any."""
    lead = common_start(before, none)
    before_key = before[len(lead) :]
    if not between.endswith(before_key):
        before_key = common_end(before, between)
    ends = between.removesuffix(before_key)  # of a value, and what stands between two arguments
    tail = none[len(lead) :] if none.startswith(lead) else none
    after_value = behind.removesuffix(tail) if behind.endswith(tail) and len(behind) > len(tail) else ""
    if not after_value or not ends.startswith(after_value):
        after_value = common_start(ends, behind)
    if not after_value:  # nobody could tell where a text ends
        return None
    form = TaggedArguments(
        before_key=before_key, after_key={"string": ""}, after_value=after_value, between=ends[len(after_value) :]
    )
    return _typed(probe, form)


def _typed(probe: Probe, form: TaggedArguments) -> TaggedArguments | None:
    """The same with what tells the type of a value, and whether values are Python's."""
    marks: dict[JsonType, str] = {}
    python: set[JsonType] = set()
    for value in _TYPED:
        behind_key = _behind_name(probe, {_KEYS[0]: value}).partition(_KEYS[0])[2]
        for is_python, text in enumerate((value if isinstance(value, str) else json_text(value), str(value))):
            if text + form.after_value in behind_key:
                marks[json_type(value)] = behind_key.partition(text + form.after_value)[0]
                if is_python:
                    python.add(json_type(value))
                break
    if "string" not in marks:
        return None
    shared = {"string": marks["string"]} if set(marks.values()) == {marks["string"]} else marks
    is_python = "object" in python
    has_python_constants = "boolean" in python and not is_python
    return msgspec.structs.replace(
        form,
        after_key=shared,
        is_python=is_python,
        has_python_constants=has_python_constants,
        guards=_guards(probe, marks["string"], form.after_value),
    )


def _guards(probe: Probe, after_key: str, after_value: str) -> Marks | None:
    """What a text is put between that could be taken for a tag."""
    written = _behind_name(probe, {_KEYS[0]: _TAG_LIKE}).partition(_KEYS[0] + after_key)[2]
    opens, found, behind = written.partition(_TAG_LIKE)
    closes = behind.partition(after_value)[0]
    return Marks(opens, closes) if found and opens and closes else None
