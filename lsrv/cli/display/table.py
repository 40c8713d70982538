"""Plain columns for people and for pipes: no box characters, nothing cut off at a terminal's width."""

from __future__ import annotations

from collections.abc import Sequence

from lsrv.printable import printable


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """`header` and `rows` as left-aligned columns two spaces apart; an empty cell is shown as `-`. A row is a line."""
    lines = [list(header), *([printable(cell) or "-" for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def duration(seconds: float | None) -> str:
    """`seconds` as a person says it (`0.4s`, `12s`, `3m 20s`, `2h 5m`); None gives an empty text."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"


def count(n: int, noun: str) -> str:
    """A number with its noun: `1 model`, `2 models`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
