"""`Hub`: what a repository holds, who derived what from it, and the bytes of its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.hub.patience import Backoff, PassingError, Patience
from lsrv.frontdoor.hub.repo import HubFile, HubHit, HubRepo, read_hits, read_repo
from lsrv.frontdoor.hub.token import FindToken, default_token
from lsrv.frontdoor.progress import Cancel
from lsrv.frontdoor.repository import is_hub_id, is_revision

if TYPE_CHECKING:
    from lsrv.frontdoor.hub.body import HubBody
    from lsrv.frontdoor.hub.connection import HubConnection
    from lsrv.frontdoor.hub.failures import HubSubject

_PUBLIC_ENDPOINT = "https://huggingface.co"
_N_HITS_MAX = 100  # by downloads; what people use stands well before
_T = TypeVar("_T")


class Hub:
    """One endpoint (HF_ENDPOINT, else huggingface.co) with one token. Any thread may use it; no call before it is
    needed. Every method raises FetchError with the mend, WeightsNotFoundError for what does not exist, and
    BuildCancelledError within the second after `cancel` is set while it waits between attempts.
    """

    def __init__(
        self, token: str | FindToken | None = default_token, offline: bool = False, patience: Patience | None = None
    ) -> None:
        """`token`: itself, or who finds it once it is needed; None is no token."""
        self.endpoint = (os.environ.get("HF_ENDPOINT") or _PUBLIC_ENDPOINT).rstrip("/")
        self.offline = offline
        self.patience = patience or Patience()
        self._asked_token = token

    def with_patience(self, patience: Patience) -> Hub:
        """The same Hub, asked with another patience."""
        return Hub(self._asked_token, self.offline, patience)

    def list_repo(self, repo_id: str, revision: str = "main", cancel: Cancel | None = None) -> HubRepo:
        """Files with sizes and hashes at the commit that `revision` (branch, tag or commit) means now."""
        if not is_hub_id(repo_id):
            raise WeightsNotFoundError(f'"{repo_id}" is no Hub id; write OWNER/NAME')
        if not is_revision(revision):
            raise WeightsNotFoundError(f'revision "{revision}": write a branch, a tag or a commit')
        url = f"{self.endpoint}/api/models/{repo_id}/revision/{quote(revision, safe='')}"
        return self._ask(
            lambda cancel: read_repo(repo_id, revision, self._connection.get(url, {"blobs": "true"}, cancel)),
            repo_id=repo_id,
            revision=revision,
            cancel=cancel,
        )

    def quantized_repos(self, model_id: str, cancel: Cancel | None = None) -> list[HubHit]:
        """GGUF repositories that say they are quantizations of `model_id`, most downloaded first; 100 at most."""
        query = {
            "filter": [f"base_model:quantized:{model_id}", "gguf"],
            "sort": "downloads",
            "limit": str(_N_HITS_MAX),
            "expand": ["downloads", "gated", "siblings", "tags"],
        }
        url = f"{self.endpoint}/api/models"
        return self._ask(
            lambda cancel: read_hits(self._connection.get(url, query, cancel)),
            repo_id=model_id,
            revision="main",
            cancel=cancel,
        )

    def file_url(self, repo: HubRepo, file: HubFile) -> str:
        """Where the Hub serves the file, or sends on to who does."""
        return f"{self.endpoint}/{repo.repo_id}/resolve/{repo.commit}/{quote(file.name)}"

    @contextmanager
    def open_file(
        self,
        repo: HubRepo,
        file: HubFile,
        first: int = 0,
        end: int | None = None,
        *,
        url: str | None = None,
        validator: str | None = None,
        cancel: Cancel | None = None,
    ) -> Generator[HubBody]:
        """The bytes [first, end) of a file as they arrive; one attempt. Look at `HubBody.first_byte`.

        `url`: where an earlier Body came from, to save the Hub's redirect. `validator`: that Body's, so that a file
        that changed meanwhile begins anew. Raises PassingError for what another attempt may mend.
        """
        from lsrv.frontdoor.hub.body import HubBody
        from lsrv.frontdoor.hub.failures import translated

        self._require_online(repo.repo_id, repo.revision)
        headers = {} if first == 0 and end is None else {"range": f"bytes={first}-{'' if end is None else end - 1}"}
        if headers and validator is not None:
            headers["if-range"] = validator
        with (
            translated(self._subject(repo.repo_id, repo.revision, file.name)),
            self._connection.open(url or self.file_url(repo, file), headers, cancel or Cancel()) as response,
        ):
            yield HubBody(response, first)

    def read_range(self, repo: HubRepo, file: HubFile, first: int, end: int, cancel: Cancel | None = None) -> bytes:
        """The bytes [first, end) of a file, for looking into it before it is fetched."""
        return self._ask(
            lambda cancel: self._read_once(repo, file, first, end, cancel),
            repo_id=repo.repo_id,
            revision=repo.revision,
            cancel=cancel,
        )

    def _read_once(self, repo: HubRepo, file: HubFile, first: int, end: int, cancel: Cancel) -> bytes:
        found = bytearray()
        with self.open_file(repo, file, first, end, cancel=cancel) as body:
            n_unwanted = first - body.first_byte  # more than 0: the server ignores Range
            for chunk in body.chunks():
                cancel.check()
                found += chunk[n_unwanted:][: end - first - len(found)]
                n_unwanted = max(n_unwanted - len(chunk), 0)
                if len(found) == end - first:
                    return bytes(found)
        raise PassingError(f"{self.endpoint} broke off while sending {file.name}; ask again")

    @cached_property
    def _token(self) -> str | None:
        return self._asked_token() if callable(self._asked_token) else self._asked_token

    @cached_property
    def _connection(self) -> HubConnection:
        from lsrv.frontdoor.hub.connection import HubConnection

        return HubConnection(self.endpoint, self._token, self.patience)

    def _ask(self, get: Callable[[Cancel], _T], *, repo_id: str, revision: str, cancel: Cancel | None) -> _T:
        """`get`, again and again while the failure may pass."""
        from lsrv.frontdoor.hub.failures import translated

        self._require_online(repo_id, revision)
        cancel = cancel or Cancel()
        backoff = Backoff(self.patience, cancel)
        while True:
            try:
                with translated(self._subject(repo_id, revision)):
                    return get(cancel)
            except PassingError as error:
                backoff.wait(error)

    def _require_online(self, repo_id: str, revision: str) -> None:
        if self.offline:
            from lsrv.frontdoor.hub.failures import offline

            raise offline(self._subject(repo_id, revision))

    def _subject(self, repo_id: str, revision: str, file_name: str = "") -> HubSubject:
        from lsrv.frontdoor.hub.failures import HubSubject

        return HubSubject(self.endpoint, self._token is not None, repo_id, revision, file_name)
