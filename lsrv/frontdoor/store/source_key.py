"""A key for the content of source files: the same files have the same key, wherever they lie."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

_BLOB = re.compile(r"(?:sha256-)?([0-9a-f]{64})")  # the Hub cache and Ollama name files by their own hash
_N_WINDOWS = 64
_N_WINDOW_BYTES = 64 * 1024


def source_key(files: Iterable[Path]) -> str:
    """A key of `files` in this order. Blocking; reads at most 4 MiB of each, so that a load can ask for it.

    A file that is named by its sha256 counts by that. Any other by size, time of change and windows spread over it:
    like make and rsync, this trusts that what changed has another time; the windows tell files apart that have none.
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(_content(file.resolve()).encode() + b"\n")
    return digest.hexdigest()


def _content(file: Path) -> str:
    if blob := _BLOB.fullmatch(file.name):
        return f"sha256:{blob[1]}"
    stat = file.stat()
    digest = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode())
    with file.open("rb", buffering=0) as data:
        for index in range(_N_WINDOWS):
            data.seek(max(stat.st_size - _N_WINDOW_BYTES, 0) * index // (_N_WINDOWS - 1))
            digest.update(data.read(_N_WINDOW_BYTES))
    return f"windows:{digest.hexdigest()}"
