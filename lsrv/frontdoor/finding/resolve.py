"""From what an entry says to the one local GGUF it means. Reads folders and headers; downloads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsrv import demo
from lsrv.errors import CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor.finding.checked import Weights, open_weights
from lsrv.frontdoor.finding.choice import (
    Candidate,
    Choice,
    NoChoiceError,
    choose,
    group_shards,
    is_shard,
    pull_command,
    sibling_repos,
    with_quantization,
)
from lsrv.frontdoor.finding.other_programs import find_in_programs
from lsrv.frontdoor.gguf.header import read_header
from lsrv.frontdoor.hub.cache_layout import default_cache, find_snapshot, is_hub_id
from lsrv.quantization import Quant, parse_quant


def built_in(model_id: str) -> Path | None:
    """The GGUF inside the package that goes by this name."""
    return demo.MODELS.get(model_id)


def resolve(
    model_id: str,
    *,
    quant: str | None = None,
    quantized_file: tuple[str, ...] = (),
    revision: str = "main",
    folder: Path | None = None,
    hub_cache: Path | None = None,
) -> Weights:
    """The weights that an entry means, with every header checked. Blocking: up to a second of disk reads.

    Looked for in this order: a built-in name; a path (a relative one starts at `folder`, None: the current one); the
    models of other programs; the Hugging Face cache (None: its usual place), in the repository itself and then in GGUF
    repositories named after it.
    Raises WeightsNotFoundError (with where it looked and what to do) or CorruptWeightsError.
    """
    wanted = _Wanted(model_id, _parsed(quant), quantized_file, revision)
    if (inside := built_in(model_id)) is not None:
        return wanted.from_file(inside, "built-in")
    path = (folder or Path()) / Path(model_id).expanduser()
    if path.is_file():
        return wanted.from_file(path, f"file {path}")
    if path.is_dir():
        return wanted.from_folder(path)
    if (found := wanted.from_programs()) is not None:
        return found
    if is_hub_id(model_id):
        return wanted.from_cache(hub_cache or default_cache(), path)
    raise WeightsNotFoundError(
        f'"{model_id}": there is no {path.absolute()}, and it is no Hub id (OWNER/NAME); mend model_id, '
        f'or try the built-in "{demo.MODEL_ID}"'
    )


@dataclass(frozen=True)
class _Wanted:
    """What an entry asks for."""

    model_id: str
    quant: Quant | None
    files: tuple[str, ...]
    revision: str

    def from_file(self, path: Path, origin: str) -> Weights:
        """The GGUF at `path`; all of its shards if it is one of several."""
        if self.files and self.files != (path.name,):
            raise WeightsNotFoundError(f"{path}: names a file already; remove format.quantized_file")
        names = [each.name for each in path.parent.glob("*.gguf")] if is_shard(path.name) else [path.name]
        candidate = next(each for each in group_shards(names) if path.name in each.files)
        if candidate.n_missing:
            raise WeightsNotFoundError(
                f"{path}: {candidate.n_missing} of its parts are missing beside it; get them all"
            )
        return self._checked(path.parent, Choice(candidate, "named by model_id"), origin)

    def from_folder(self, folder: Path) -> Weights:
        names = gguf_names(folder)
        try:
            return self._checked(folder, self._choice(folder, names), f"folder {folder}")
        except NoChoiceError as error:
            raise WeightsNotFoundError(f"{folder}: {error}; mend the entry") from None

    def from_cache(self, cache: Path, path: Path) -> Weights:
        """Weights of the repository itself, else of one named after it, in the Hugging Face cache."""
        looked = [f"no file or folder {path.absolute()}"]
        repos = [(self.model_id, self.revision), *((repo, "main") for repo in sibling_repos(self.model_id))]
        for repo, revision in repos:
            snapshot = find_snapshot(cache, repo, revision)
            if snapshot is None:
                continue
            try:
                choice = self._choice(snapshot, gguf_names(snapshot))
            except NoChoiceError as error:
                looked.append(f"{repo}@{revision} in the cache: {error}")
                continue
            return self._checked(snapshot, choice, f"Hugging Face cache, {repo}@{revision}")
        if len(looked) == 1:
            looked.append(f"none of {', '.join(repo for repo, _ in repos)} in the Hugging Face cache {cache}")
        command = pull_command(self.model_id, self.quant, self.files, self.revision)
        raise WeightsNotFoundError(
            f'"{self.model_id}": no weights here ({"; ".join(looked)}); `{command}` fetches or makes them'
        )

    def from_programs(self) -> Weights | None:
        """Weights among another program's models, by its own name for them."""
        for found in find_in_programs(self.model_id):
            if self.files or (self.quant is not None and self.quant.rank(found.quantization) is None):
                continue
            names = tuple(shard.name for shard in found.shards)
            choice = Choice(Candidate(names, quantization=found.quantization), f"{found.program} has it already")
            return self._checked(found.path.parent, choice, f"{found.program}, {found.model_id}")
        return None

    def _choice(self, folder: Path, names: Iterable[str]) -> Choice:
        """The candidate that the spec means. Raises NoChoiceError."""
        return choose(labelled(folder, group_shards(names)), self.quant, self.files)

    def _checked(self, folder: Path, choice: Choice, origin: str) -> Weights:
        weights = open_weights(folder, choice, origin)
        self._refuse_other(weights.path, weights.quantization)
        return weights

    def _refuse_other(self, path: Path, quantization: str) -> None:
        """Refuse another quantization than the one asked for: it is never taken silently."""
        if self.quant is not None and self.quant.rank(quantization) is None:
            raise WeightsNotFoundError(
                f'{path}: is {quantization}, but quant = "{self.quant.text}" is asked for; '
                f"remove quant to serve it as it is, or name a GGUF of that quantization"
            )


def _parsed(quant: str | None) -> Quant | None:
    try:
        return parse_quant(quant) if quant is not None else None
    except ValueError as error:
        raise WeightsNotFoundError(f"quant: {error}") from None


def gguf_names(folder: Path) -> list[str]:
    """Names of the GGUFs in `folder` and one folder deeper, where split files live; links into nothing are left out."""
    found = [path for pattern in ("*.gguf", "*/*.gguf") for path in folder.glob(pattern) if path.is_file()]
    return [path.relative_to(folder).as_posix() for path in found]


def labelled(folder: Path, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates whose names say no quantization get the one in their header; unreadable ones stay without."""
    return [
        candidate
        if candidate.quantization
        else with_quantization(candidate, _header_quantization(folder / candidate.name))
        for candidate in candidates
    ]


def _header_quantization(path: Path) -> str:
    try:
        return read_header(path).quantization
    except CorruptWeightsError:
        return "unreadable"  # it is named as such if it is what was asked for
