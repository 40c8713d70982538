"""Where a commit's files stand in the Hugging Face cache, so that every other tool finds them too.

    models--OWNER--NAME/blobs/ETAG              the bytes
    models--OWNER--NAME/snapshots/COMMIT/NAME   a link to them
    models--OWNER--NAME/refs/REVISION           the commit's name
    .locks/models--OWNER--NAME/ETAG.lock        held while a blob is fetched; the one huggingface_hub takes

Source: huggingface_hub 2.4, `_hf_hub_download_to_cache_dir`.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lsrv.frontdoor.hub import HubFile, HubRepo
from lsrv.frontdoor.hub.cache_layout import repo_folder
from lsrv.frontdoor.progress import Cancel

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_LOCK_CHECK_S = 0.5


class CacheRepo:
    """One commit of one repository in one cache."""

    def __init__(self, cache: Path, repo: HubRepo) -> None:
        self.folder = repo_folder(cache, repo.repo_id)
        self._repo = repo
        self._locks = cache / ".locks" / self.folder.name

    def blob(self, file: HubFile) -> Path:
        return self.folder / "blobs" / file.etag

    def path(self, file: HubFile) -> Path:
        """The file under its own name."""
        return self.folder / "snapshots" / self._repo.commit / file.name

    def is_fetched(self, file: HubFile) -> bool:
        return any(_has_size(path, file.size_bytes) for path in (self.path(file), self.blob(file)))

    def make_folders(self) -> None:
        for folder in (self.folder / "blobs", self._locks):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self, file: HubFile, cancel: Cancel, on_wait: Callable[[], None]) -> Generator[None]:
        """Wait until no other process or thread fetches this blob, then hold it; `on_wait` runs twice a second."""
        lock = FileLock(self._locks / f"{file.etag}.lock")
        while True:
            cancel.check()
            try:
                lock.acquire(timeout=_LOCK_CHECK_S)
                break
            except Timeout:
                on_wait()
        try:
            yield
        finally:
            lock.release()

    def link(self, file: HubFile) -> Path:
        """Give a fetched blob its name in the snapshot; where links can't be made, the blob itself moves there."""
        path, blob = self.path(file), self.blob(file)
        if _has_size(path, file.size_bytes):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        made = _beside(path)
        try:
            made.symlink_to(os.path.relpath(blob, path.parent))
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            made = blob
        made.replace(path)
        return path

    def write_ref(self) -> None:
        """Say that the revision means this commit."""
        if self._repo.revision == self._repo.commit:
            return
        ref = self.folder / "refs" / self._repo.revision
        if ref.is_file() and ref.read_text() == self._repo.commit:
            return
        ref.parent.mkdir(parents=True, exist_ok=True)
        made = _beside(ref)
        made.write_text(self._repo.commit)
        made.replace(ref)


def _has_size(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes


def _beside(path: Path) -> Path:
    """A name for something that becomes `path` by a rename, so that nobody ever sees half of it."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")
