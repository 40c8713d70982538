"""Which file holds the importance matrix of a model. Reads names only; `imatrix_values` reads what is in it."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"(?:^|.*[-_.])imatrix(?:[-_.].*)?\.(?:gguf|dat)", re.IGNORECASE)


def is_imatrix_name(name: str) -> bool:
    """Whether a file of that name is an importance matrix: "imatrix_unsloth.dat", "Qwen3-4B-imatrix.gguf"."""
    return _NAME.fullmatch(name) is not None


def imatrix_beside(source: Path) -> Path | None:
    """The importance matrix in the folder of the GGUF `source`; None if there is none, or several."""
    found = [path for path in source.parent.iterdir() if path.is_file() and is_imatrix_name(path.name)]
    return found[0] if len(found) == 1 else None
