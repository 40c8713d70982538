"""Which line of a JSON text each key and element stands on, and which keys stand twice. Pure.

Only for text that `json` has read without an error.
"""

from __future__ import annotations

import json
import re

from lsrv.config.layer import KeyPath

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:\n]|[^\s{}\[\],:"]+')


def find_lines(text: str) -> tuple[dict[KeyPath, int], list[KeyPath]]:
    """1-based line of every key and element, and the paths of keys written more than once in their object."""
    lines: dict[KeyPath, int] = {}
    twice: list[KeyPath] = []
    path: list[str | int] = []  # open containers: the key or index we are at in each
    is_key, line = False, 1
    for token in (found[0] for found in _TOKEN.finditer(text)):
        if token == "\n":
            line += 1
        elif token in "]}":
            path.pop()
            is_key = False
        elif token == ",":
            is_key = isinstance(path[-1], str)
            if not isinstance(path[-1], str):
                path[-1] += 1
        elif is_key and token != ":":
            path[-1] = str(json.loads(token))
            here = tuple(path)
            if here in lines:  # the second one is what `json` keeps: forget what was in the first
                twice.append(here)
                lines = {each: number for each, number in lines.items() if each[: len(here)] != here}
            lines[here] = line
            is_key = False
        elif token != ":":
            lines.setdefault(tuple(path), line)
            if token in "{[":
                path.append("" if token == "{" else 0)
                is_key = token == "{"
    lines.pop((), None)
    return lines, twice
