"""The GGUFs in a folder, by their names and, where those don't say, their headers."""

from __future__ import annotations

from pathlib import Path

from lsrv.errors import BuildError
from lsrv.frontdoor.finding.choice import Candidate, group_shards, is_gguf, with_quantization
from lsrv.frontdoor.gguf.header import read_header


def candidates_in(folder: Path) -> tuple[Candidate, ...]:
    """The models in `folder` and one folder deeper, where split files live. Links into nothing are left out.

    One whose name says no quantization has that of its header; unreadable ones stay without. Raises OSError.
    """
    return tuple(_labelled(folder, each) for each in group_shards(gguf_names(folder)))


def gguf_names(folder: Path) -> list[str]:
    """Names of these files, relative to `folder`. Raises OSError if it can't be read."""
    names: list[str] = []
    for path in sorted(folder.iterdir()):
        if is_gguf(path.name) and is_there(path):
            names.append(path.name)
        elif path.is_dir():
            names += [f"{path.name}/{each.name}" for each in _inner(path) if is_gguf(each.name) and is_there(each)]
    return names


def is_there(path: Path) -> bool:
    """Whether `path` is a file, or leads to one that this user may not see: whoever opens it is told why."""
    try:
        return path.is_file()
    except OSError:
        return True


def _inner(folder: Path) -> list[Path]:
    """What is closed to this user holds nothing for the model beside it."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _labelled(folder: Path, candidate: Candidate) -> Candidate:
    if candidate.quantization:
        return candidate
    try:
        return with_quantization(candidate, read_header(folder / candidate.name).quantization)
    except BuildError:
        return with_quantization(candidate, "unreadable")  # it is named as such if it is what was asked for
