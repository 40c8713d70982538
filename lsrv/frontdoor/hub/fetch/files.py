"""`fetch_files`: from names in a repository to paths in the cache."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsrv.errors import FetchError, WeightsNotFoundError
from lsrv.frontdoor.hub import Hub, HubFile, HubRepo
from lsrv.frontdoor.hub.fetch.cache_repo import CacheRepo
from lsrv.frontdoor.hub.fetch.checksum import Checksum
from lsrv.frontdoor.hub.fetch.part import Part, n_bytes_held
from lsrv.frontdoor.hub.fetch.space import disk_error, require_room
from lsrv.frontdoor.hub.fetch.transfer import Transfer, TransferLimits
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress

logger = logging.getLogger(__name__)


def fetch_files(
    hub: Hub,
    repo: HubRepo,
    names: Iterable[str],
    cache: Path,
    *,
    on_progress: OnBuildProgress = ignore_progress,
    cancel: Cancel | None = None,
    limits: TransferLimits | None = None,
) -> list[Path]:
    """The named files of `repo` in the Hugging Face cache `cache`, in the order of `names`; fetched where missing.

    A file is there completely and with the hash the Hub promises, or not at all; an interrupted one goes on where it
    was, also after a kill. Of several processes that want the same file one fetches and the others wait. Progress
    counts the bytes of all files together. Blocking; call it in a thread.
    Raises FetchError (network, access, disk; with the mend), WeightsNotFoundError, BuildCancelledError.
    """
    files = [_file(repo, name) for name in names]
    place = CacheRepo(cache, repo)
    run = _Run(hub, repo, place, limits or TransferLimits(), cancel or Cancel(), on_progress, files)
    try:
        run.require_room()
        paths = [run.ensure(file) for file in files]
        place.write_ref()
    except OSError as error:
        raise FetchError(
            f"can't write to the Hugging Face cache: {error}; mend it, or set HF_HUB_CACHE to another folder"
        ) from error
    return paths


def _file(repo: HubRepo, name: str) -> HubFile:
    try:
        return repo.file(name)
    except KeyError:
        raise WeightsNotFoundError(f'{repo.repo_id} at "{repo.revision}" has no file "{name}"') from None


@dataclass
class _Run:
    """One call of `fetch_files`."""

    hub: Hub
    repo: HubRepo
    place: CacheRepo
    limits: TransferLimits
    cancel: Cancel
    on_progress: OnBuildProgress
    files: list[HubFile]
    n_bytes_before: int = 0  # of files that are done

    def require_room(self) -> None:
        missing = {file.etag: file for file in self.files if not self.place.is_fetched(file)}.values()
        needed = sum(file.size_bytes - n_bytes_held(self.place.blob(file), file) for file in missing)
        require_room(self.place.folder, needed, self.repo.repo_id)

    def ensure(self, file: HubFile) -> Path:
        """The file's path, fetched if need be."""
        self._report(file, 0)
        if not self.place.is_fetched(file):
            self.place.make_folders()
            with self.place.lock(file, self.cancel, lambda: self._report_rival(file)):
                if not self.place.is_fetched(file):  # who held the lock before may have fetched it
                    self._fetch(file)
        path = self.place.link(file)
        self._report(file, file.size_bytes)
        self.n_bytes_before += file.size_bytes
        return path

    def _fetch(self, file: HubFile) -> None:
        part = Part(self.place.blob(file), file)
        try:
            is_right = self._fill(part)
            if not is_right and part.n_resumed:
                logger.warning("part of an earlier run does not match, fetching anew", extra={"file": file.name})
                part.restart()
                is_right = self._fill(part)
            if not is_right:
                part.discard()
                raise FetchError(
                    f"{file.name} of {self.repo.repo_id} arrived with other bytes than the Hub promises (its hash is "
                    f"not {file.etag}) and was removed; a proxy or mirror is wrong, or it changed just now: ask again"
                )
            part.become_blob()
        except OSError as error:
            raise disk_error(error, self.place.folder, file.name, part.n_held, file.size_bytes) from error
        finally:
            part.close()

    def _fill(self, part: Part) -> bool:
        """Fetch what is missing; whether the file is then what the Hub promised."""
        checksum = Checksum(part)
        transfer = Transfer(self.hub, self.repo, part, self.limits)
        transfer.run(checksum, lambda n_held: self._report(part.file, n_held), self.cancel)
        return checksum.matches(self.cancel)

    def _report_rival(self, file: HubFile) -> None:
        """What another process has fetched while we wait for it."""
        self._report(file, n_bytes_held(self.place.blob(file), file))

    def _report(self, file: HubFile, n_bytes: int) -> None:
        what = f"{self.repo.repo_id}/{file.name}"
        self.on_progress(
            BuildProgress("fetch", what, self.n_bytes_before + n_bytes, sum(each.size_bytes for each in self.files))
        )
