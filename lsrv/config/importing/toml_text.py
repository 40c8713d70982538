"""A raw config as the text of a models.toml, which people go on with by hand. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import cast

from lsrv.config.layer import RawTable

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(raw: RawTable, comments: Sequence[str] = ()) -> str:
    """`raw` in the shape of models.toml; `comments` stand at its head. Values that are None are left out."""
    lines = [f"# {line}".rstrip() for comment in comments for line in (comment.splitlines() or [""])]
    blocks = ["\n".join(lines)] if lines else []
    if plain := list(_pairs({key: value for key, value in raw.items() if not _is_table(value)})):
        blocks.append("\n".join(plain))
    for key, value in raw.items():
        if isinstance(value, dict):
            blocks.append("\n".join([f"[{_key(key)}]", *_pairs(cast("RawTable", value))]))
        elif _is_table(value):
            tables = cast("list[RawTable]", value)
            blocks += ["\n".join([f"[[{_key(key)}]]", *_pairs(table)]) for table in tables]
    return "\n\n".join(blocks) + "\n"


def toml_value(value: object) -> str:
    """One value on one line. Raises TypeError for what TOML has no word for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, cast('list[object]', value)))}]"
    if isinstance(value, dict):
        pairs = ", ".join(_pairs(cast("RawTable", value)))
        return f"{{ {pairs} }}" if pairs else "{}"
    raise TypeError(f"{value!r} has no form in TOML")


def _pairs(table: RawTable) -> Iterator[str]:
    return (f"{_key(key)} = {toml_value(value)}" for key, value in table.items() if value is not None)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_value(key)


def _is_table(value: object) -> bool:
    """Whether it is a table, or a list of them, which get headers of their own."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        return bool(items) and all(isinstance(item, dict) for item in items)
    return isinstance(value, dict)
