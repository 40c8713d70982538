"""Every GGUF that a name may mean, here or on the Hub, and how to read its head. Fetches no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lsrv import demo
from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.choice import Candidate, by_owner, group_shards, is_model, is_trusted, sibling_repos
from lsrv.frontdoor.hub import Hub, HubRepo
from lsrv.frontdoor.hub.cache_layout import default_cache, find_snapshot, is_hub_id
from lsrv.frontdoor.hub.remote_header import sparse_copy
from lsrv.frontdoor.progress import Cancel


@dataclass(frozen=True)
class Offer:
    """One model to choose from. `head` gives a local file with its header, and with its tensors if they are here."""

    candidate: Candidate
    size_bytes: int
    origin: str  # for people
    place: Path | HubRepo  # the folder, or the repository, that holds its files
    head: Callable[[], Path]

    @property
    def is_here(self) -> bool:
        return isinstance(self.place, Path)


def find_offers(
    model_id: str,
    hub: Hub,
    *,
    folder: Path | None = None,
    revision: str = "main",
    cache: Path | None = None,
    cancel: Cancel | None = None,
) -> list[Offer]:
    """What `model_id` (built-in name, path, folder or Hub id) offers, largest first.

    Blocking. For a Hub id: its own repository, else the first GGUF repository made from it by its owner or a well-known
    one; and what is in `cache` (None: the usual place). `hub` is not asked when it is offline.
    Raises WeightsNotFoundError, FetchError, BuildCancelledError.
    """
    found = {offer.candidate.name: offer for offer in _all(model_id, hub, folder, revision, cache, cancel)}
    if not found:
        raise WeightsNotFoundError(
            f'"{model_id}": no GGUF of it, neither here nor on the Hub; name a file, a folder, or OWNER/NAME'
        )
    return sorted(found.values(), key=lambda offer: (-offer.size_bytes, offer.candidate.name))


def _all(
    model_id: str, hub: Hub, folder: Path | None, revision: str, cache: Path | None, cancel: Cancel | None
) -> Iterator[Offer]:
    """Later ones are preferred to earlier ones of the same name."""
    path = demo.MODELS.get(model_id) or (folder or Path()) / Path(model_id).expanduser()
    if path.is_file():
        yield from _in_folder(path.parent, f"file {path}", only=path.name)
    elif path.is_dir():
        yield from _in_folder(path, f"folder {path}")
    elif is_hub_id(model_id):
        if not hub.offline:
            yield from _on_hub(model_id, hub, revision, cancel)
        for repo_id in (*sibling_repos(model_id), model_id):
            at = revision if repo_id == model_id else "main"
            if (snapshot := find_snapshot(cache or default_cache(), repo_id, at)) is not None:
                yield from _in_folder(snapshot, f"Hugging Face cache, {repo_id}")


def _in_folder(folder: Path, origin: str, only: str | None = None) -> Iterator[Offer]:
    names = [path.relative_to(folder).as_posix() for pattern in ("*.gguf", "*/*.gguf") for path in folder.glob(pattern)]
    for candidate in _models(names):
        if only in (None, *candidate.files):
            first = folder / candidate.name
            size_bytes = sum((folder / name).stat().st_size for name in candidate.files)
            yield Offer(candidate, size_bytes, origin, folder, head=lambda first=first: first)


def _on_hub(model_id: str, hub: Hub, revision: str, cancel: Cancel | None) -> Iterator[Offer]:
    own = hub.list_repo(model_id, revision, cancel)
    offers = list(_in_repo(hub, own, cancel))
    if not offers and (source := _made_from(model_id, hub, cancel)) is not None:
        offers = list(_in_repo(hub, source, cancel))
    yield from offers


def _in_repo(hub: Hub, repo: HubRepo, cancel: Cancel | None) -> Iterator[Offer]:
    sizes = {file.name: file.size_bytes for file in repo.files}
    for candidate in _models(sizes):
        yield Offer(
            candidate,
            sum(sizes[name] for name in candidate.files),
            f"Hub, {repo.repo_id}",
            repo,
            head=lambda files=candidate.files: sparse_copy(hub, repo, files, cancel),
        )


def _made_from(model_id: str, hub: Hub, cancel: Cancel | None) -> HubRepo | None:
    hits = [hit.repo_id for hit in hub.quantized_repos(model_id, cancel)]
    trusted = [repo_id for repo_id, _ in by_owner(model_id, hits) if is_trusted(model_id, repo_id)]
    return hub.list_repo(trusted[0], cancel=cancel) if trusted else None


def _models(names: Iterable[str]) -> list[Candidate]:
    return [
        each
        for each in group_shards(name for name in names if name.endswith(".gguf"))
        if is_model(each) and not each.n_missing
    ]
