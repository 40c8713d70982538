"""Bytes in the words of people and of settings."""

from __future__ import annotations

import re

_UNITS = {"B": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_MAX_CHARS = 64
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def size(n_bytes: int | None) -> str:
    """`n_bytes` in binary units (`1.1 MiB`); None gives an empty text."""
    if n_bytes is None:
        return ""
    value = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{n_bytes} B" if unit == "B" else f"{value:.1f} {unit}"


def parse_size(text: str) -> int:
    """Bytes of "12GiB", "800 MB", "1.5g": units are binary, however they are written. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip()) if len(text) <= _MAX_CHARS else None
    if found is None:
        raise ValueError(f'"{text[:64]}" is no size; write it like "12GiB" or "800MiB"')
    return int(float(found[1]) * (1 << _UNITS[found[2].upper() or "B"]))
