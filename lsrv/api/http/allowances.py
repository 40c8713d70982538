"""What clients write otherwise than a body's type says, and mean no harm by. Pure.

JSON has one kind of number, so that 4.0 is an integer; and null means that nothing is said, in any field.
"""

from __future__ import annotations

import re
from typing import cast

import msgspec

_NULL = re.compile(r"^Expected .*, got `null`$", re.DOTALL)
_FLOAT = re.compile(r"^Expected `int.*`, got `float`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]")
_MISFIT = re.compile(r"^(?P<what>.*) - at `\$(?P<path>.*)`$", re.DOTALL)

_MAX_MENDED = 64  # places of one body
_MENDING_BYTES = 4 * 1024 * 1024  # that are read anew for them, in all: everybody waits meanwhile

_Node = dict[str, object] | list[object]


def most_mended(raw: bytes) -> int:
    """In how many places a body of this length is looked into."""
    return min(_MAX_MENDED, max(1, _MENDING_BYTES // max(1, len(raw))))


def mended(raw: bytes, error: msgspec.ValidationError) -> bytes | None:
    """`raw` without the null, or with the integer, that `error` is about. None: it is about something else."""
    found = _MISFIT.match(str(error))
    if found is None:
        return None
    is_null, is_float = bool(_NULL.match(found["what"])), bool(_FLOAT.match(found["what"]))
    steps = _steps(found["path"])
    if not (is_null or is_float) or not steps:
        return None
    document: object = msgspec.json.decode(raw)
    parent = _walk(document, steps[:-1])
    is_done = _drop(parent, steps[-1]) if is_null else _round(parent, steps[-1])
    return msgspec.json.encode(document) if is_done else None


def _steps(path: str) -> list[str | int]:
    """The keys and indices of a place; none where msgspec doesn't tell all of them."""
    steps = [step["key"] if step["key"] is not None else int(step["index"]) for step in _STEP.finditer(path)]
    length = sum(len(step[0]) for step in _STEP.finditer(path))
    return steps if length == len(path) else []


def _walk(node: object, steps: list[str | int]) -> object:
    for step in steps:
        node = _child(node, step)
    return node


def _child(node: object, step: str | int) -> object:
    if isinstance(node, dict) and isinstance(step, str):
        return cast("dict[str, object]", node).get(step)
    if isinstance(node, list) and isinstance(step, int) and step < len(items := cast("list[object]", node)):
        return items[step]
    return None


def _drop(parent: object, key: str | int) -> bool:
    """Only a field can be left out: an item that is null is one too few."""
    if not isinstance(parent, dict) or key not in parent:
        return False
    del cast("dict[str, object]", parent)[cast(str, key)]
    return True


def _round(parent: object, key: str | int) -> bool:
    value = _child(parent, key)
    if not isinstance(value, float) or not value.is_integer():
        return False
    cast("dict[str | int, object]", parent)[key] = int(value)
    return True
