"""What a name means by all that the Hub holds: never by what happens to lie on this disk. Fetches no weights.

1. A fitting GGUF in the model's own repository; without `quant` the highest precision there: full, or safetensors.
2. A fitting GGUF in a repository that was made from it, the owner's first.
3. What it can be made of here.
Files that fit equally are a question to the user, and never a reason to take something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lsrv.errors import ConvertError, WeightsNotFoundError
from lsrv.frontdoor.finding.choice import (
    Candidate,
    Choice,
    NoChoiceError,
    NoFitError,
    best_source,
    candidates_of,
    choose,
    projector_for,
    variants,
)
from lsrv.frontdoor.finding.decisions import Decision, WayToWeights
from lsrv.frontdoor.hub import Hub, HubHit, HubRepo
from lsrv.frontdoor.progress import Cancel
from lsrv.frontdoor.repository import by_owner, is_trusted
from lsrv.frontdoor.spec import WeightsSpec
from lsrv.quantization import is_full

_N_NAMED = 6  # repositories in a message
# Why the safetensors of a repository can't be converted; None: they can. It may fetch config.json.
Inspect = Callable[[HubRepo], ConvertError | None]


@dataclass(frozen=True)
class HubSearch:
    """One spec before the Hub. `has_consent`: GGUFs of owners that nobody knows may be taken."""

    hub: Hub
    spec: WeightsSpec
    has_consent: bool
    inspect: Inspect
    files_needed: Callable[[Sequence[str]], list[str]]
    cancel: Cancel

    def decide(self, own: HubRepo) -> tuple[Decision, HubRepo]:
        """What is to be fetched, and who holds it. Raises WeightsNotFoundError, ConvertError, FetchError."""
        spec, candidates = self.spec, candidates_of(file.name for file in own.files)
        ready = self._own_choice(own, candidates) if spec.takes_ready else None
        if ready is not None and (spec.asked is not None or spec.quantized_file or _is_full(ready)):
            return self._serve(own, ready), own
        trouble = self._trouble_of_source(own, candidates)
        asks_others = spec.takes_ready and (spec.asked is not None or (ready is None and trouble is not None))
        if asks_others and (derived := self._derived()) is not None:
            return derived
        if trouble is None:
            return self._make_from(own, candidates), own
        if ready is not None:
            return self._serve(own, ready), own
        raise self._nothing(own, candidates, trouble)

    def _own_choice(self, own: HubRepo, candidates: list[Candidate]) -> Choice | None:
        """The GGUF in the model's own repository that is what was asked for."""
        try:
            return choose(candidates, self.spec.asked, self.spec.quantized_file)
        except NoFitError:
            return None
        except NoChoiceError as error:
            raise WeightsNotFoundError(f'"{own.repo_id}" on the Hub: {error}') from None

    # -- made from it by others --------------------------------------------------------------------

    def _derived(self) -> tuple[Decision, HubRepo] | None:
        """The best GGUF in repositories that were made from this model."""
        found: list[tuple[Choice, str, str]] = []
        hits = self._hits()
        for repo_id, why in by_owner(self.spec.model_id, hits):
            if not (self.has_consent or is_trusted(self.spec.model_id, repo_id)):
                continue
            choice = self._choice_in(hits[repo_id])
            if choice is not None:
                found.append((choice, repo_id, why))
                if self.spec.asked is not None:
                    break  # the first owner counts; without a quantization the highest precision of all does
        if not found:
            return None
        choice, repo_id, why = max(found, key=lambda each: each[0].precision)
        repo = self.hub.list_repo(repo_id, cancel=self.cancel)
        return self._serve(repo, replace(choice, because=f"{choice.because}, {why}")), repo

    def _hits(self) -> dict[str, HubHit]:
        return {hit.repo_id: hit for hit in self.hub.quantized_repos(self.spec.model_id, self.cancel)}

    def _choice_in(self, hit: HubHit) -> Choice | None:
        try:
            return choose(candidates_of(hit.file_names), self.spec.asked, ())
        except NoFitError:
            return None
        except NoChoiceError as error:
            raise WeightsNotFoundError(
                f'"{self.spec.model_id}": {hit.repo_id}, which was made from it: {error}, and that repository as '
                "model_id"
            ) from None

    # -- made here ---------------------------------------------------------------------------------

    def _trouble_of_source(self, own: HubRepo, candidates: list[Candidate]) -> Exception | None:
        """Why nothing can be made of `own`; None: it can."""
        if self.spec.quantized_file:
            return WeightsNotFoundError("the file that quantized_file names is not in it")
        if self.spec.asked is not None and self.spec.format != "plain" and best_source(candidates) is not None:
            return None
        names = [file.name for file in own.files]
        if "config.json" not in names or self.spec.format == "gguf":
            return WeightsNotFoundError("it has neither a source GGUF nor a config.json")
        return self.inspect(own)

    def _make_from(self, own: HubRepo, candidates: list[Candidate]) -> Decision:
        source = best_source(candidates) if self.spec.format != "plain" and self.spec.asked is not None else None
        if source is not None:
            return self._decision(own, "quantize", source.files, source.quantization, "the best source")
        names = self.files_needed([file.name for file in own.files])
        return self._decision(own, "convert", tuple(names), None, "safetensors of full precision")

    def _serve(self, repo: HubRepo, choice: Choice) -> Decision:
        candidate = choice.candidate
        decision = self._decision(repo, "serve", candidate.files, candidate.quantization, choice.because)
        projector = projector_for(self.spec, [file.name for file in repo.files])
        return decision if projector is None else _with_projector(decision, projector)

    def _decision(
        self, repo: HubRepo, step: WayToWeights, files: tuple[str, ...], quantization: str | None, why: str
    ) -> Decision:
        return Decision(
            step=step,
            repo_id=repo.repo_id,
            revision=repo.revision,
            commit=repo.commit,
            files=files,
            quantization=quantization,
            because=why,
        )

    def _nothing(
        self, own: HubRepo, candidates: list[Candidate], trouble: Exception
    ) -> WeightsNotFoundError | ConvertError:
        """Says what there is instead, here and in repositories made from it."""
        there = variants(candidates)
        others = [f"{repo_id} ({found})" for repo_id, found in self._published() if found]
        hints = [f"its GGUFs are {there}"] if there else []
        hints += [f"GGUF repositories of it: {', '.join(others[:_N_NAMED])}"] if others else []
        hints = hints or ["and nobody published a GGUF of it"]
        mend = "name one as model_id" if others else "ask for one of them" if there else "name another repository"
        kind = ConvertError if isinstance(trouble, ConvertError) else WeightsNotFoundError
        return kind(f'"{own.repo_id}" can\'t be made into what was asked for: {trouble}; {"; ".join(hints)}; {mend}')

    def _published(self) -> list[tuple[str, str]]:
        hits = self._hits()
        return [
            (repo_id, variants(candidates_of(hits[repo_id].file_names)))
            for repo_id, _ in by_owner(self.spec.model_id, hits)
        ]


def _is_full(choice: Choice) -> bool:
    return choice.candidate.quantization is not None and is_full(choice.candidate.quantization)


def _with_projector(decision: Decision, projector: str) -> Decision:
    import msgspec

    return msgspec.structs.replace(decision, beside=(projector,))


def paths_of(decision: Decision, snapshot: Path | None) -> list[Path] | None:
    """The files of `decision` in its snapshot; None if one of them is not there."""
    if snapshot is None:
        return None
    paths = [snapshot / name for name in (*decision.files, *decision.beside)]
    return paths if all(path.is_file() for path in paths) else None
