"""From what an entry asks for to weights on this disk: found, fetched, or made. The order of it all.

1. A path, a built-in model, what another program has under this name: nothing else is meant. No network.
2. What was decided for the same question before, if its files are still here. No network.
3. The Hub says what the name means (`finding/on_hub.py`); what of it is here already is not fetched again. So what is
   served never depends on what was asked before. Only where the Hub can't be asked is it the best of what is here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lsrv.errors import BuildCancelledError, ConvertError, FetchError, LsrvError, WeightsNotFoundError
from lsrv.frontdoor.disk_errors import disk_told
from lsrv.frontdoor.finding.checked import Weights, open_weights
from lsrv.frontdoor.finding.choice import Candidate, Choice, projector_for
from lsrv.frontdoor.finding.decisions import Decision, remember, remembered
from lsrv.frontdoor.finding.offers import Offer, find_offers
from lsrv.frontdoor.finding.on_hub import HubSearch, paths_of
from lsrv.frontdoor.finding.places import made_places
from lsrv.frontdoor.finding.resolve import first_fitting
from lsrv.frontdoor.hub import Hub, HubRepo
from lsrv.frontdoor.hub.cache_layout import default_cache, find_snapshot
from lsrv.frontdoor.hub.fetch import fetch_files
from lsrv.frontdoor.hub.patience import Patience
from lsrv.frontdoor.making.convert import check_convertible, files_needed, read_config, require_sane
from lsrv.frontdoor.making.maker import GgufSource, Maker, SafetensorsSource, Source
from lsrv.frontdoor.making.on_disk import find_here, find_in_programs_first, has_any, name_of
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.repository import is_trusted
from lsrv.frontdoor.spec import Pending, WeightsSpec
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import AUTO

_log = logging.getLogger(__name__)

_SHORT = Patience(n_retries=1, connect_timeout_s=3.0, answer_timeout_s=15.0)

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
        if self._spec.is_local:
            return self._made(self._here())
        if self._door.hub.offline:
            return self._made(self._here_offline())
        if (found := self._settled()) is not None:
            return found
        try:
            own = self._ask()
        except LsrvError as error:
            return self._made(self._here_instead(error))
        decision, repo = self._search.decide(own)
        weights = self._carried_out(decision, repo)
        remember(self._door.hub.endpoint, self._spec, decision)
        return weights

    def look(self) -> Weights | Pending:
        if self._spec.quant == AUTO:
            return Pending("the largest that fits is chosen at first use")
        if not self._spec.is_local and not self._door.hub.offline:
            return self._settled(makes=False) or Pending("is looked for on the Hub at first use")
        found = self._here()
        if isinstance(found, Weights):
            return found
        return self._maker.made(found, self._spec.asked) or Pending("is made here at first use")

    def _made(self, found: Weights | Source) -> Weights:
        return found if isinstance(found, Weights) else self._maker.make(found, self._spec.asked)

    # -- on this disk ------------------------------------------------------------------------------

    def _here(self) -> Weights | Source:
        return find_here(self._spec, self._door.cache, self._door.store)

    def _here_offline(self) -> Weights | Source:
        try:
            return self._here()
        except WeightsNotFoundError as missing:
            raise WeightsNotFoundError(f"{missing.message}; offline, so nothing is downloaded") from missing

    def _here_instead(self, error: LsrvError) -> Weights | Source:
        """The best of what is here, where the Hub can't say what would be right. Raises `error` if nothing is."""
        if isinstance(error, BuildCancelledError):
            raise error
        try:
            found = self._here()
        except WeightsNotFoundError:
            raise error from None
        _log.warning("took what is here: the Hub was not to be asked", extra={"model_id": self._spec.model_id})
        if isinstance(found, Weights):
            return replace(found, chosen_because=f"{found.chosen_because}; the Hub could not be asked: {error.message}")
        return found

    def _settled(self, makes: bool = True) -> Weights | None:
        """What another program has under this name, or what was decided before and is still here. No network.

        `makes`: also what has to be made of it first.
        """
        spec = self._spec
        if spec.takes_ready and (ready := find_in_programs_first(spec)) is not None:
            return ready
        decision = remembered(self._door.hub.endpoint, spec)
        if decision is None or not self._is_allowed(decision):
            return None
        paths = paths_of(decision, find_snapshot(self._door.cache, decision.repo_id, decision.commit))
        if paths is not None and decision.step == "serve":
            return self._opened(decision, f"Hugging Face cache, {decision.repo_id}@{decision.revision}")
        if paths is not None:
            source = self._source(decision)
            return self._made(source) if makes else self._maker.made(source, spec.asked)
        return first_fitting(spec, made_places(spec, self._door.store), []) if decision.step != "serve" else None

    def _is_allowed(self, decision: Decision) -> bool:
        is_own = decision.repo_id == self._spec.model_id
        return is_own or self._door.has_consent or is_trusted(self._spec.model_id, decision.repo_id)

    # -- from the Hub ------------------------------------------------------------------------------

    def _ask(self) -> HubRepo:
        """The listing of the model's own repository. With something here that would do, the wait for it is short."""
        self._on_progress(BuildProgress("look", self._spec.model_id))
        hub = self._door.hub
        if hub.patience.n_retries and has_any(self._spec, self._door.cache, self._door.store):
            hub = hub.with_patience(_SHORT)
        return hub.list_repo(self._spec.model_id, self._spec.revision, self._cancel)

    @property
    def _search(self) -> HubSearch:
        return HubSearch(
            self._door.hub, self._spec, self._door.has_consent, self._trouble_of, files_needed, self._cancel
        )

    def _trouble_of(self, repo: HubRepo) -> ConvertError | None:
        """Why the safetensors of `repo` can't be converted, by names, sizes and its config.json."""
        sizes = {file.name: file.size_bytes for file in repo.files}
        try:
            require_sane(sizes)
            (config,) = self._fetch(repo, ["config.json"])
            check_convertible(read_config(config), list(sizes))
        except ConvertError as error:
            return error
        return None

    def _carried_out(self, decision: Decision, repo: HubRepo) -> Weights:
        self._fetch(repo, [*decision.files, *decision.beside])
        if decision.step == "serve":
            return self._opened(decision, f"Hub, {repo.repo_id}@{repo.revision}")
        return self._made(self._source(decision))

    def _opened(self, decision: Decision, origin: str) -> Weights:
        choice = Choice(Candidate(decision.files, quantization=decision.quantization), decision.because)
        return open_weights(self._snapshot(decision), choice, origin)

    def _source(self, decision: Decision) -> Source:
        if decision.step == "convert":
            return SafetensorsSource(self._snapshot(decision), self._spec.repo_at, name_of(self._spec))
        return GgufSource(self._opened(decision, self._spec.repo_at), self._spec.repo_at)

    def _fetch(self, repo: HubRepo, names: Sequence[str]) -> list[Path]:
        return fetch_files(
            self._door.hub, repo, names, self._door.cache, on_progress=self._on_progress, cancel=self._cancel
        )

    def _snapshot(self, held: Decision | HubRepo) -> Path:
        snapshot = find_snapshot(self._door.cache, held.repo_id, held.commit)
        if snapshot is None:
            raise FetchError(f"{held.repo_id}: its files vanished from {self._door.cache} while they were used")
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
        names = list(offer.candidate.files)
        projector = projector_for(self._spec, [file.name for file in offer.place.files])
        self._fetch(offer.place, [*names, projector] if projector else names)
        return open_weights(self._snapshot(offer.place), choice, f"Hub, {offer.place.repo_id}@{offer.place.revision}")
