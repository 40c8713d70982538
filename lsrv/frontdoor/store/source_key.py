"""A key for the content of source files: the same files have the same key, wherever they lie."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from lsrv.file_digest import samples

_BLOB = re.compile(r"(?:sha256-)?([0-9a-f]{64})")  # the Hub cache and Ollama name files by their own hash


def source_key(files: Iterable[Path]) -> str:
    """A key of `files` in this order. Blocking; reads at most 5 MiB of each, so that a load can ask for it.

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
    digest.update(samples(file, stat.st_size))
    return f"windows:{digest.hexdigest()}"
