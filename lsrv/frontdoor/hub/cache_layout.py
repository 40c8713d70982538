"""Where the local Hugging Face cache keeps a repository. Reads folders only; nothing here uses the network."""

from __future__ import annotations

from pathlib import Path

from lsrv.frontdoor.repository import is_revision
from lsrv.home import below_home


def repo_folder(cache: Path, repo_id: str) -> Path:
    """Where `cache` keeps the repository: blobs/ETAG, snapshots/COMMIT/NAME (links to blobs), refs/REVISION."""
    return cache / f"models--{repo_id.replace('/', '--')}"


def default_cache() -> Path:
    """The cache that HF_HUB_CACHE, HF_HOME or XDG_CACHE_HOME name, else ~/.cache/huggingface/hub."""
    from huggingface_hub import constants

    return below_home(Path(constants.HF_HUB_CACHE))


def find_snapshot(cache: Path, repo_id: str, revision: str) -> Path | None:
    """The folder with the files of `repo_id` at `revision` (branch, tag or commit); None if it is not in the cache."""
    repo = repo_folder(cache, repo_id)
    if not is_revision(revision) or not repo.is_dir():
        return None
    ref = repo / "refs" / revision
    commit = ref.read_text().strip() if ref.is_file() else revision
    snapshot = repo / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None
