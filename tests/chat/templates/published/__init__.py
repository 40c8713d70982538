"""Chat templates that model makers published, as llama.cpp keeps them (models/templates)."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
PUBLISHED = sorted(path.stem for path in _FOLDER.glob("*.jinja"))


def published(name: str) -> str:
    """The source of a template."""
    return (_FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
