"""Every GGUF that a name may mean, here or on the Hub, and how to read its head. Fetches no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.choice import Candidate, candidates_of, is_model
from lsrv.frontdoor.finding.places import Place, places
from lsrv.frontdoor.hub import Hub, HubRepo
from lsrv.frontdoor.hub.remote_header import sparse_copy
from lsrv.frontdoor.progress import Cancel
from lsrv.frontdoor.repository import by_owner, is_trusted
from lsrv.frontdoor.spec import WeightsSpec
from lsrv.frontdoor.store.store import Store


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


def find_offers(spec: WeightsSpec, hub: Hub, cache: Path, store: Store, cancel: Cancel | None = None) -> list[Offer]:
    """What `spec` may mean, largest first: all of it in all places of this disk, and what the Hub has beyond that.

    Blocking. Of the Hub: its own repository, else the first GGUF repository made from it by its owner or a well-known
    one. `hub` is not asked when it is offline. Raises WeightsNotFoundError, FetchError, BuildCancelledError.
    """
    found: dict[str, Offer] = {}
    troubles: list[str] = []
    for place in places(spec, cache, store):
        troubles += [f"{place.origin} {place.trouble}"] if place.trouble else []
        for offer in _in_place(place):
            found.setdefault(offer.candidate.name, offer)
    if not spec.is_local and not hub.offline:
        for offer in _on_hub(spec, hub, cancel):
            found.setdefault(offer.candidate.name, offer)
    if not found:
        raise WeightsNotFoundError(
            f'"{spec.model_id}": {"; ".join(troubles) or "no GGUF of it, neither here nor on the Hub"}; '
            "name a file, a folder, or OWNER/NAME"
        )
    return sorted(found.values(), key=lambda offer: (-offer.size_bytes, offer.candidate.name))


def _in_place(place: Place) -> Iterator[Offer]:
    for candidate in _models(place.candidates):
        paths = [place.folder / name for name in candidate.files]
        try:
            size_bytes = sum(path.stat().st_size for path in paths)
        except OSError:
            continue  # gone meanwhile, or closed to this user: nothing to choose from
        yield Offer(candidate, size_bytes, place.origin, place.folder, head=lambda first=paths[0]: first)


def _on_hub(spec: WeightsSpec, hub: Hub, cancel: Cancel | None) -> Iterator[Offer]:
    own = hub.list_repo(spec.model_id, spec.revision, cancel)
    offers = list(_in_repo(hub, own, cancel))
    if not offers and (source := _made_from(spec.model_id, hub, cancel)) is not None:
        offers = list(_in_repo(hub, source, cancel))
    yield from offers


def _in_repo(hub: Hub, repo: HubRepo, cancel: Cancel | None) -> Iterator[Offer]:
    sizes = {file.name: file.size_bytes for file in repo.files}
    for candidate in _models(candidates_of(sizes)):
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


def _models(candidates: Iterable[Candidate]) -> list[Candidate]:
    return [each for each in candidates if is_model(each) and not each.n_missing]
