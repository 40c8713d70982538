"""Text of strangers (names in files, messages of servers) before a person's terminal or log sees it. Pure."""

from __future__ import annotations

import json
import unicodedata


def printable(text: str, keep: str = "") -> str:
    r"""`text` with what a terminal obeys, or what hides, as JSON escapes ("\u001b"): control and format characters,
    line separators, lone surrogates; but for those in `keep`. What is JSON already stays the same JSON.
    """
    if text.isprintable():
        return text
    return "".join(char if char in keep or _is_visible(char) else json.dumps(char)[1:-1] for char in text)


def _is_visible(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # wide spaces are spaces
