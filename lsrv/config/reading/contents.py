"""What a config file is written in: told by its content, for people rename files. Pure."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["TOML", "JSON", "YAML"]

SUFFIXES: dict[str, Language] = {".toml": "TOML", ".json": "JSON", ".yaml": "YAML", ".yml": "YAML"}

_BLANKS_AND_COMMENTS = re.compile(r"(?:\s|#[^\n]*(?:\n|$))*")
_BEGINNINGS: tuple[tuple[Language, re.Pattern[str]], ...] = (
    ("JSON", re.compile(r'\{\s*["}]|\[\s*\{')),
    ("TOML", re.compile(r"""\[\[?\s*[A-Za-z"'][^,\n]*\]|[\w.-]+\s*=""")),
    ("YAML", re.compile(r"---(?:\s|$)|%YAML\b|[A-Za-z_][\w-]*:(?:\s|$)|-\s")),
)


def language_of(text: str, suffix: str) -> Language:
    """What `text` begins like; of a text that begins like nothing known, what the file's name says."""
    named = SUFFIXES[suffix]
    begun = _BLANKS_AND_COMMENTS.match(text)
    rest = text[begun.end() if begun else 0 :]
    for language, beginning in _BEGINNINGS:
        if beginning.match(rest):
            return named if (named, language) == ("YAML", "JSON") else language  # YAML has JSON in it
    return named
