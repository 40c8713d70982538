"""What was downloaded to the local Hugging Face cache, and how it goes again. Others use that cache, too."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.hub.cache_layout import repo_folder
from lsrv.frontdoor.repository import is_hub_id


@dataclass(frozen=True)
class Download:
    """A repository in the cache, or one file of it. `links`: names in snapshots; `blobs`: what they lead to."""

    name: str
    folder: Path  # of the repository
    links: tuple[Path, ...]
    blobs: tuple[Path, ...]
    is_whole: bool

    @property
    def size_bytes(self) -> int:
        return sum(blob.stat().st_size for blob in self.blobs if blob.is_file())


def find_download(cache: Path, name: str) -> Download | None:
    """What "OWNER/NAME" or "OWNER/NAME/FILE" means in `cache`; None if it is not there."""
    parts = name.split("/", 2)
    repo_id, file = "/".join(parts[:2]), parts[2] if len(parts) == 3 else None
    folder = repo_folder(cache, repo_id)
    if not is_hub_id(repo_id) or not folder.is_dir():
        return None
    links = tuple(
        path
        for snapshot in sorted((folder / "snapshots").glob("*"))
        for path in sorted(snapshot.rglob("*"))
        if not path.is_dir() and file in (None, path.relative_to(snapshot).as_posix())
    )
    if file is not None and not links:
        return None
    blobs = (path for path in sorted((folder / "blobs").glob("*")) if path.is_file())
    kept = tuple(blobs) if file is None else tuple(dict.fromkeys(link.resolve() for link in links))
    return Download(name, folder, links, kept, file is None)


def remove_download(cache: Path, download: Download) -> int:
    """Delete it, for all revisions; returns the bytes freed. Raises WeightsNotFoundError if it has gone meanwhile."""
    if not download.folder.is_dir():
        raise WeightsNotFoundError(f"{download.name}: is gone already")
    n_bytes = download.size_bytes
    if download.is_whole:
        shutil.rmtree(download.folder)
        shutil.rmtree(cache / ".locks" / download.folder.name, ignore_errors=True)
        return n_bytes
    for path in (*download.links, *_unlinked(download)):
        path.unlink(missing_ok=True)
    return n_bytes


def _unlinked(download: Download) -> list[Path]:
    """Blobs of `download` that no other name leads to. A blob that lies elsewhere is somebody else's."""
    others = [path for path in (download.folder / "snapshots").rglob("*") if path not in download.links]
    used = {path.resolve() for path in others if path.is_symlink()}
    return [blob for blob in download.blobs if blob not in used and blob.is_relative_to(download.folder.resolve())]
