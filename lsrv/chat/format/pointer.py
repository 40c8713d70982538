"""What a reference inside of a JSON Schema leads to. Pure."""

from __future__ import annotations

from typing import cast


def pointed(root: object, reference: str) -> object:
    """The part of `root` that a JSON pointer (RFC 6901, `#/$defs/x`) names; None: it leads nowhere in it."""
    start, *names = reference.split("/")
    at = root if start == "#" else None
    for name in names:
        at = _member(at, name.replace("~1", "/").replace("~0", "~"))
    return at


def _member(value: object, name: str) -> object:
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None
