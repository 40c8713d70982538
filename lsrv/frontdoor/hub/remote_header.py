"""The head of a GGUF that lies on the Hub, as a sparse local file: enough to read and to plan it, some MB of a model.

Only what the header takes is fetched, whatever the size of the file; the rest is a hole. Such files live in a folder
of their own in lsrv's cache and are never taken for weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from lsrv.frontdoor.gguf.header import read_header_from
from lsrv.frontdoor.hub import Hub, HubFile, HubRepo
from lsrv.frontdoor.progress import Cancel
from lsrv.frontdoor.store.atomic import partial_file
from lsrv.frontdoor.store.own_cache import own_cache, sole_maker


def sparse_copy(hub: Hub, repo: HubRepo, names: Sequence[str], cancel: Cancel | None = None) -> Path:
    """The first of `names` (a GGUF, or all shards of one in order) as a local file without tensor data.

    Blocking: some MB for each name that was not asked for before. Raises FetchError, WeightsNotFoundError,
    CorruptWeightsError if a header can't be true, BuildCancelledError.
    """
    files = [repo.file(name) for name in names]
    folder = own_cache() / "heads" / files[0].etag
    paths = [folder / PurePosixPath(file.name).name for file in files]
    for file, path in zip(files, paths, strict=True):
        with sole_maker(path, cancel):
            if not path.exists():
                _fetch_head(hub, repo, file, path, cancel)
    return paths[0]


def _fetch_head(hub: Hub, repo: HubRepo, file: HubFile, path: Path, cancel: Cancel | None) -> None:
    with partial_file(path) as partial, partial.open("wb") as copy:
        copy.truncate(file.size_bytes)
        remote = _Remote(hub, repo, file, copy, cancel)
        read_header_from(Path(f"{repo.repo_id}/{file.name}"), remote, file.size_bytes)


class _Remote:
    """Reads a Hub file front to back and writes what it reads to `copy`."""

    def __init__(self, hub: Hub, repo: HubRepo, file: HubFile, copy: BinaryIO, cancel: Cancel | None) -> None:
        self._hub, self._repo, self._file, self._copy, self._cancel = hub, repo, file, copy, cancel
        self._offset = 0

    def read(self, n_bytes: int) -> bytes:
        """The next bytes; the header's reader asks for none past the end."""
        data = self._hub.read_range(self._repo, self._file, self._offset, self._offset + n_bytes, self._cancel)
        self._copy.write(data)
        self._offset += n_bytes
        return data
