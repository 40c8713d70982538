"""Looking again and again through this disk for models to serve. A file that did not change is not read again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lsrv.frontdoor.finding.choice import group_shards, is_gguf, is_model, stem_of
from lsrv.frontdoor.finding.folder import is_there
from lsrv.frontdoor.finding.other_programs import (
    FoundWeights,
    UnreadModel,
    in_hub_cache,
    of_programs,
    opened,
    resolved,
)
from lsrv.frontdoor.hub.cache_layout import default_cache

_N_DEEP = 4  # folders below one that was named

_Stamp = tuple[tuple[int, int, int, int], ...]  # device, inode, size, time of the last change: of each shard


@dataclass
class DiskSearch:
    """Keeps what it has read. One thread at a time may use it."""

    _read: dict[Path, tuple[_Stamp, FoundWeights | None]] = field(default_factory=dict)

    def look(self, folders: Iterable[Path], *, in_programs: bool) -> list[FoundWeights]:
        """The models below `folders`, then those of other programs: each file once, and no name of a repository twice.

        Blocking: lists folders, and reads headers of what is new. What can't be read holds nothing.
        """
        places = [place for folder in folders for place in in_folder(folder)]
        if in_programs:
            places += [*in_hub_cache(default_cache()), *of_programs()]
        found: dict[Path, FoundWeights] = {}
        seen: set[tuple[str, str, str]] = set()
        before, self._read = self._read, {}
        for place in places:
            file, called = resolved(place.shards[0]), (place.program, place.model_id, place.name)
            if file in found or called in seen or not is_model(group_shards([place.name])[0]):
                continue  # `called`: an older commit of the same file
            if (weights := self._opened(file, place, before)) is not None:
                found[file] = weights
                seen.add(called)
        return list(found.values())

    def _opened(
        self, file: Path, place: UnreadModel, before: dict[Path, tuple[_Stamp, FoundWeights | None]]
    ) -> FoundWeights | None:
        try:
            stamp = tuple(_stamp(shard) for shard in place.shards)
        except OSError:
            return None  # gone since it was listed, or closed to this user
        known = before.get(file)
        weights = known[1] if known is not None and known[0] == stamp else opened(place)
        self._read[file] = (stamp, weights)
        return weights


def in_folder(root: Path) -> Iterator[UnreadModel]:
    """Models below a folder that a user named, a few folders deep, called by their files' names."""
    for folder in _walk(root):
        try:
            names = sorted(path.name for path in folder.iterdir() if is_gguf(path.name) and is_there(path))
        except OSError:
            continue
        for candidate in group_shards(names):
            if not candidate.n_missing:
                shards = tuple(folder / name for name in candidate.files)
                name = str(shards[0].relative_to(root))
                yield UnreadModel(stem_of(candidate.name), str(root), shards, name)


def _walk(root: Path) -> Iterator[Path]:
    """`root` and the folders below it in order, without hidden ones and links to others, which may lead in circles."""
    for name, folders, _ in os.walk(root):
        folder = Path(name)
        n_deep = len(folder.relative_to(root).parts)
        folders[:] = sorted(each for each in folders if not each.startswith(".")) if n_deep < _N_DEEP else []
        yield folder


def _stamp(path: Path) -> tuple[int, int, int, int]:
    known = path.stat()
    return (known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns)
