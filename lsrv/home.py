"""The user's home folder, which not every process has: containers and services run without HOME. Leaf."""

from __future__ import annotations

from pathlib import Path


def home() -> Path | None:
    """The home folder; None where nobody knows it."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(text: str) -> Path:
    """`text` as a path, "~" replaced. Where no home is known it stays, and whoever looks for that path tells of it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
