"""Where a model's weights may lie on this disk, in the one order that every search keeps. Downloads and makes nothing.

1. What the name itself is: a built-in model, a file, a folder; then nothing else is meant.
2. Models that other programs call by this name.
3. The Hugging Face cache: the repository itself, then GGUF repositories named after it.
4. What was made here of it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.checked import MADE_HERE
from lsrv.frontdoor.finding.choice import Candidate, Choice, NoChoiceError, choose, group_shards, is_gguf, is_shard
from lsrv.frontdoor.finding.folder import candidates_in, is_there
from lsrv.frontdoor.finding.other_programs import FoundWeights, find_in_programs
from lsrv.frontdoor.hub.cache_layout import find_snapshot
from lsrv.frontdoor.repository import is_hub_id
from lsrv.frontdoor.spec import WeightsSpec, built_in
from lsrv.frontdoor.store.store import Store
from lsrv.quantization import Quant

PlaceKind = Literal["file", "folder", "program", "cache", "sibling", "made"]


@dataclass(frozen=True)
class Place:
    """A folder with models that are meant. `origin`: for people, as in `Weights`."""

    kind: PlaceKind
    folder: Path
    candidates: tuple[Candidate, ...]
    origin: str
    because: str | None = None  # why its model is chosen, where that does not depend on what is asked
    trouble: str = ""  # why its models are not known
    is_whole: bool = True  # not made smaller here than its source

    @property
    def is_named(self) -> bool:
        """Whether the name is this place's own, so that no other is meant."""
        return self.kind in ("file", "folder")

    @property
    def is_own(self) -> bool:
        """Whether the model itself lies here, of which others can be made."""
        return self.is_named or self.kind == "cache"

    def choose(self, quant: Quant | None, files: tuple[str, ...]) -> Choice:
        """The one model here that is meant. Raises NoChoiceError."""
        if self.trouble:
            raise NoChoiceError(self.trouble)
        if quant is None and not self.is_whole:
            raise NoChoiceError("it was made smaller here")
        if self.kind == "file":
            return Choice(self.candidates[0], "named by model_id")
        choice = choose(self.candidates, quant, files)
        return replace(choice, because=self.because) if self.because is not None else choice


def places(spec: WeightsSpec, cache: Path, store: Store) -> Iterator[Place]:
    """Every place where `spec` may be, in order, each looked at when it is its turn. Raises WeightsNotFoundError."""
    yield from ready_places(spec, cache)
    yield from made_places(spec, store)


def ready_places(spec: WeightsSpec, cache: Path) -> Iterator[Place]:
    """Places that somebody else filled: 1 to 3. Raises WeightsNotFoundError for a split file that is not complete."""
    if (named := _named(spec)) is not None:
        yield named
        return
    yield from _in_programs(spec.model_id)
    if not spec.is_local:
        yield from _in_cache(spec, cache)


def made_places(spec: WeightsSpec, store: Store) -> Iterator[Place]:
    """What was made here of a repository, newest first, although its source may have left this disk."""
    if spec.is_local:
        return
    try:
        made = store.entries()
    except OSError as error:
        yield Place("made", store.folder, (), f"{MADE_HERE}, {spec.repo_at}", trouble=_why(error))
        return
    for stored in made:
        if stored.origin != spec.repo_at:
            continue
        yield Place(
            "made",
            stored.path.parent,
            (Candidate((stored.path.name,), quantization=stored.quantization),),
            f"{MADE_HERE}, {stored.origin}",
            because=f"made here from {stored.origin} before",
            is_whole=stored.recipe.is_conversion,
        )


def _named(spec: WeightsSpec) -> Place | None:
    if (inside := built_in(spec.model_id)) is not None:
        return _of_file(inside, "built-in")
    try:
        if spec.path.is_file():
            return _of_file(spec.path, f"file {spec.path}")
        return _read("folder", spec.path, f"folder {spec.path}") if spec.path.is_dir() else None
    except OSError as error:
        if is_hub_id(spec.model_id) or error.errno == errno.ENAMETOOLONG:
            return None  # a closed current folder is no reason to do without the Hub
        return Place("folder", spec.path, (), f"path {spec.path}", trouble=_why(error))


def _of_file(path: Path, origin: str) -> Place:
    """The GGUF at `path`; all of its shards if it is one of several. Raises OSError."""
    names = {path.name}
    if is_shard(path.name):
        names |= {each.name for each in path.parent.iterdir() if is_gguf(each.name) and is_there(each)}
    (candidate,) = (each for each in group_shards(names) if path.name in each.files)
    if candidate.n_missing:
        raise WeightsNotFoundError(f"{path}: {candidate.n_missing} of its parts are missing beside it; get them all")
    return Place("file", path.parent, (candidate,), origin)


def _in_programs(model_id: str) -> Iterator[Place]:
    found: dict[tuple[str, Path], list[FoundWeights]] = {}
    for weights in find_in_programs(model_id):
        found.setdefault((weights.program, weights.path.parent), []).append(weights)
    for (program, folder), models in found.items():
        candidates = tuple(map(_candidate, models))
        yield Place("program", folder, candidates, f"{program}, {model_id}", f"{program} has it already")


def _candidate(found: FoundWeights) -> Candidate:
    return Candidate(tuple(shard.name for shard in found.shards), quantization=found.quantization)


def _in_cache(spec: WeightsSpec, cache: Path) -> Iterator[Place]:
    for repo, revision in spec.repos:
        kind: PlaceKind = "cache" if repo == spec.model_id else "sibling"
        origin = f"Hugging Face cache, {repo}@{revision}"
        try:
            snapshot = find_snapshot(cache, repo, revision)
        except OSError as error:
            yield Place(kind, cache, (), origin, trouble=_why(error))
        else:
            if snapshot is not None:
                yield _read(kind, snapshot, origin)


def _read(kind: PlaceKind, folder: Path, origin: str) -> Place:
    try:
        return Place(kind, folder, candidates_in(folder), origin)
    except OSError as error:
        return Place(kind, folder, (), origin, trouble=_why(error))


def _why(error: OSError) -> str:
    return f"can't be read ({error.strerror})"
