"""From what an entry asks for to weights on this disk: found, fetched, or made. The order of it all.

1. What is here and fits: a path, another program's model, the Hub cache, what was made before. No network.
2. The Hub: a fitting GGUF in the model's own repository, then in one that was made from it.
3. Made here: the best GGUF or safetensors source, converted and quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lsrv.errors import ConvertError, FetchError, WeightsNotFoundError
from lsrv.frontdoor.disk_errors import disk_told
from lsrv.frontdoor.finding.checked import Weights, open_weights
from lsrv.frontdoor.finding.choice import (
    Candidate,
    Choice,
    NoChoiceError,
    best_source,
    candidates_of,
    choose,
    choose_projector,
)
from lsrv.frontdoor.finding.offers import Offer, find_offers
from lsrv.frontdoor.finding.places import Place, made_places, ready_places
from lsrv.frontdoor.finding.resolve import first_fitting, resolve
from lsrv.frontdoor.hub import Hub, HubHit, HubRepo
from lsrv.frontdoor.hub.cache_layout import default_cache, find_snapshot
from lsrv.frontdoor.hub.fetch import fetch_files
from lsrv.frontdoor.making.convert import check_convertible, files_needed, read_config, require_sane
from lsrv.frontdoor.making.maker import GgufSource, Maker, SafetensorsSource, Source
from lsrv.frontdoor.making.quantize import can_be_source
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.repository import by_owner, is_trusted
from lsrv.frontdoor.spec import Pending, WeightsSpec
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import AUTO

AutoChoice = Callable[[Sequence[Offer]], tuple[Offer, str]]  # which of them fits this machine best, and why


@dataclass(frozen=True)
class FrontDoor:
    """What the way through needs. `has_consent`: GGUFs of owners that nobody knows may be fetched, too."""

    hub: Hub
    store: Store = field(default_factory=Store)
    cache: Path = field(default_factory=default_cache)
    choose_auto: AutoChoice | None = None
    has_consent: bool = False

    def prepare(
        self, spec: WeightsSpec, on_progress: OnBuildProgress = ignore_progress, cancel: Cancel | None = None
    ) -> Weights:
        """The weights that `spec` means. Blocking: seconds, or as long as downloading and quantizing take.

        Raises WeightsNotFoundError, CorruptWeightsError, FetchError, ConvertError, QuantizeError, BuildCancelledError;
        BuildError for what the disk refuses.
        """
        with disk_told(spec.model_id):
            return _Way(self, spec, on_progress, cancel or Cancel()).go()

    def look(self, spec: WeightsSpec) -> Weights | Pending:
        """What `prepare` would begin with. Blocks on the disk for a moment; fetches and makes nothing.

        Raises WeightsNotFoundError for what can't be had at all, CorruptWeightsError for what is broken.
        """
        with disk_told(spec.model_id):
            return _Way(self, spec, ignore_progress, Cancel()).look()

    def offers(self, spec: WeightsSpec, cancel: Cancel | None = None) -> list[Offer]:
        """Everything that `spec` may mean, for who chooses by size. Blocking. Raises what `prepare` does."""
        with disk_told(spec.model_id):
            return find_offers(spec, self.hub, self.cache, self.store, cancel)


class _Way:
    """One spec on its way."""

    def __init__(self, door: FrontDoor, spec: WeightsSpec, on_progress: OnBuildProgress, cancel: Cancel) -> None:
        self._door, self._spec, self._on_progress, self._cancel = door, spec, on_progress, cancel
        self._maker = Maker(door.store, spec.imatrix, on_progress, cancel)

    def go(self) -> Weights:
        if self._spec.quant == AUTO:
            return self._fitting()
        try:
            found = self._here()
        except WeightsNotFoundError as missing:
            if self._spec.is_local:
                raise
            return self._from_hub(missing)
        return found if isinstance(found, Weights) else self._maker.make(found, self._spec.asked)

    def look(self) -> Weights | Pending:
        if self._spec.quant == AUTO:
            return Pending("the largest that fits is chosen at first use")
        try:
            found = self._here()
        except WeightsNotFoundError:
            if self._spec.is_local or self._door.hub.offline:
                raise
            return Pending("is fetched at first use")
        if isinstance(found, Weights):
            return found
        return self._maker.made(found, self._spec.asked) or Pending("is made here at first use")

    # -- on this disk ------------------------------------------------------------------------------

    def _here(self) -> Weights | Source:
        """What is on this disk, or what it can be made of. Raises WeightsNotFoundError."""
        spec, missing = self._spec, None
        if spec.takes_ready:
            try:
                return resolve(spec, self._door.cache)
            except WeightsNotFoundError as error:
                missing = error
        if not spec.quantized_file and (source := self._source_here()) is not None:
            return source
        if (made := first_fitting(spec, made_places(spec, self._door.store), [])) is not None:
            return made
        raise missing or WeightsNotFoundError(
            f'"{spec.model_id}": there is nothing here to quantize from; a source is F32, F16, BF16 or Q8_0'
        )

    def _source_here(self) -> Source | None:
        """The best source of the model's own."""
        spec = self._spec
        for place in ready_places(spec, self._door.cache):
            if place.trouble:
                continue
            if place.kind == "file":
                weights = open_weights(place.folder, place.choose(None, ()), place.origin)
                return GgufSource(weights, place.origin) if can_be_source(weights.quantization) else None
            if place.kind == "folder":
                return _source_in(spec, place, place.origin, place.folder.resolve().name)
            if place.kind == "cache":
                return _source_in(spec, place, spec.repo_at, self._name)
        return None

    @property
    def _name(self) -> str:
        return self._spec.model_id.rpartition("/")[2]

    # -- from the Hub ------------------------------------------------------------------------------

    def _from_hub(self, missing: WeightsNotFoundError) -> Weights:
        if self._door.hub.offline:
            raise WeightsNotFoundError(f"{missing.message}; offline, so nothing is downloaded") from missing
        self._on_progress(BuildProgress("look", self._spec.model_id))
        own = self._door.hub.list_repo(self._spec.model_id, self._spec.revision, self._cancel)
        candidates = candidates_of(file.name for file in own.files)
        if self._spec.takes_ready:
            if (ready := self._ready(own, candidates)) is not None:
                return ready
            if self._spec.asked is not None and (derived := self._derived()) is not None:
                return derived
        return self._make_from(own, candidates)

    def _ready(self, own: HubRepo, candidates: list[Candidate]) -> Weights | None:
        """The GGUF in the model's own repository that is what was asked for."""
        spec = self._spec
        try:
            choice = choose(candidates, self._spec.asked, spec.quantized_file)
        except NoChoiceError as error:
            if spec.quantized_file:
                raise WeightsNotFoundError(f'"{spec.model_id}" on the Hub: {error}') from None
            return None
        return self._fetched(own, choice)

    def _derived(self) -> Weights | None:
        """The best GGUF in repositories that were made from this model."""
        for repo_id, why, choice in self._offers(self._door.has_consent):
            repo = self._door.hub.list_repo(repo_id, cancel=self._cancel)
            return self._fetched(repo, replace(choice, because=f"{choice.because}, {why}"))
        return None

    def _offers(self, takes_anybodys: bool) -> list[tuple[str, str, Choice]]:
        """(repository, why it, which file), the best first."""
        hits = {hit.repo_id: hit for hit in self._door.hub.quantized_repos(self._spec.model_id, self._cancel)}
        found: list[tuple[str, str, Choice]] = []
        for repo_id, why in by_owner(self._spec.model_id, hits):
            choice = self._choice_in(hits[repo_id])
            if choice is not None and (takes_anybodys or is_trusted(self._spec.model_id, repo_id)):
                found.append((repo_id, why, choice))
        return found

    def _choice_in(self, hit: HubHit) -> Choice | None:
        try:
            return choose(candidates_of(hit.file_names), self._spec.asked, ())
        except NoChoiceError:
            return None

    def _fetched(self, repo: HubRepo, choice: Choice) -> Weights:
        names = list(choice.candidate.files)
        projector = choose_projector(file.name for file in repo.files) if self._spec.needs_projector else None
        self._fetch(repo, [*names, projector] if projector else names)
        return open_weights(self._snapshot(repo), choice, f"Hub, {repo.repo_id}@{repo.revision}")

    def _make_from(self, own: HubRepo, candidates: list[Candidate]) -> Weights:
        """Convert or quantize what the repository holds."""
        source = best_source(candidates) if self._spec.format != "plain" else None
        if source is not None and self._spec.asked is not None:
            self._fetch(own, source.files)
            weights = open_weights(self._snapshot(own), Choice(source, "the best source"), self._spec.repo_at)
            return self._maker.make(GgufSource(weights, self._spec.repo_at), self._spec.asked)
        sizes = {file.name: file.size_bytes for file in own.files}
        names = list(sizes)
        if "config.json" not in names or self._spec.format == "gguf":
            raise WeightsNotFoundError(self._no_source(own, "it has neither a source GGUF nor a config.json"))
        try:
            require_sane(sizes)
            (config,) = self._fetch(own, ["config.json"])
            check_convertible(read_config(config), names)
        except ConvertError as error:
            raise ConvertError(self._no_source(own, str(error))) from None
        self._fetch(own, files_needed(names))
        return self._maker.make(
            SafetensorsSource(self._snapshot(own), self._spec.repo_at, self._name), self._spec.asked
        )

    def _no_source(self, own: HubRepo, why: str) -> str:
        others = [repo_id for repo_id, _, _ in self._offers(takes_anybodys=True)]
        hint = f"GGUF repositories of it: {', '.join(others[:6])}" if others else "and nobody published a GGUF of it"
        return f'"{own.repo_id}" can\'t be made into what was asked for: {why}; {hint}; name one as model_id'

    def _fetch(self, repo: HubRepo, names: Sequence[str]) -> list[Path]:
        return fetch_files(
            self._door.hub, repo, names, self._door.cache, on_progress=self._on_progress, cancel=self._cancel
        )

    def _snapshot(self, repo: HubRepo) -> Path:
        snapshot = find_snapshot(self._door.cache, repo.repo_id, repo.commit)
        if snapshot is None:
            raise FetchError(f"{repo.repo_id}: its files vanished from {self._door.cache} while they were used")
        return snapshot

    # -- what fits ---------------------------------------------------------------------------------

    def _fitting(self) -> Weights:
        """`quant = "auto"`: the largest that fits, of all that the name may mean."""
        if self._door.choose_auto is None:
            raise WeightsNotFoundError('quant = "auto" needs a running server to plan with; write a width such as "4"')
        offer, because = self._door.choose_auto(self._door.offers(self._spec, self._cancel))
        choice = Choice(offer.candidate, because)
        if isinstance(offer.place, Path):
            return open_weights(offer.place, choice, offer.origin)
        return self._fetched(offer.place, choice)


def _source_in(spec: WeightsSpec, place: Place, origin: str, name: str) -> Source | None:
    """The best source in a folder: a GGUF of full precision, else safetensors."""
    folder = place.folder
    found = best_source(place.candidates)
    if found is not None and spec.format != "plain":
        return GgufSource(open_weights(folder, Choice(found, "the best source"), origin), origin)
    is_whole = spec.format != "gguf" and (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    return SafetensorsSource(folder, origin, name) if is_whole else None
