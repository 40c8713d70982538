"""Where a growing Markdown text may be cut, so that what stands before never changes again. Pure."""

from __future__ import annotations

_FENCES = ("```", "~~~")


def cut(text: str) -> int:
    """How many characters of `text` are whole blocks: up to behind the last empty line outside of code."""
    end = at = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        at += len(line)
        stripped = line.strip()
        if fence:
            fence = "" if stripped.startswith(fence) and not stripped.strip(fence[0]) else fence
        elif stripped.startswith(_FENCES):
            fence = stripped[: len(stripped) - len(stripped.lstrip(stripped[0]))]
        elif not stripped and line.endswith("\n"):
            end = at
    return end
