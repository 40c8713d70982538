"""How much of a foreign text a message repeats: a line of it, never the whole. Pure."""

from __future__ import annotations

LINE_CHARS = 200


def echo(text: str, n_chars: int = LINE_CHARS) -> str:
    """`text` if it has at most `n_chars` characters; otherwise so many of its beginning and its end."""
    if len(text) <= n_chars:
        return text
    n_tail = n_chars // 4
    return f"{text[: n_chars - n_tail - 1]}…{text[-n_tail:]}"
