"""Which GGUF among several: pure functions of file names. What is on disk is known to `resolve` only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from lsrv.frontdoor.spec import WeightsSpec
from lsrv.quantization import Quant, bits, find_name

_SHARD = re.compile(r"(?P<stem>.+)-(?P<no>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
# Files that lie beside models and are none: projectors, draft heads, importance matrices, adapters.
_NO_MODEL = re.compile(r"(?:^|[-_.])(?:mmproj|imatrix|lora|draft)(?:[-_.]|$)|^(?:mmproj|mtp-|dflash-)", re.IGNORECASE)
_SOURCES = ("BF16", "F16", "F32", "Q8_0")
_PROJECTORS = {"BF16": 0, "F16": 1, "F32": 2}


@dataclass(frozen=True)
class Candidate:
    """One model in a folder: a file, or all shards of a split file in order. Names are relative to the folder."""

    files: tuple[str, ...]
    n_missing: int = 0  # shards that are not there
    quantization: str | None = None  # None: the name does not say

    @property
    def name(self) -> str:
        return self.files[0]


@dataclass(frozen=True)
class Choice:
    candidate: Candidate
    because: str

    @property
    def precision(self) -> int:
        """Bits per weight, rounded down; 0: not known."""
        return bits(self.candidate.quantization or "")


class NoChoiceError(Exception):
    """No candidate is what was asked for, or several are. The text says which and what to do."""


class NoFitError(NoChoiceError):
    """No candidate is what was asked for: another place may have it."""


def is_gguf(name: str) -> bool:
    """Whether it is a GGUF by its name, in any case of letters."""
    return name.lower().endswith(".gguf")


def group_shards(names: Iterable[str]) -> list[Candidate]:
    """Candidates of all GGUF files `names`, sorted by name."""
    shards: dict[tuple[str, int], dict[int, str]] = {}
    candidates: list[Candidate] = []
    for name in sorted(names):
        found = _SHARD.fullmatch(name)
        if found is None:
            candidates.append(Candidate((name,), 0, _quantization(name)))
        else:
            shards.setdefault((found["stem"], int(found["count"])), {})[int(found["no"])] = name
    for (stem, count), by_number in shards.items():
        files = tuple(by_number[number] for number in sorted(by_number))
        n_missing = count - sum(1 for number in by_number if 1 <= number <= count)
        candidates.append(Candidate(files, n_missing, _quantization(stem)))
    return sorted(candidates, key=lambda candidate: candidate.name)


def candidates_of(names: Iterable[str]) -> list[Candidate]:
    """The same of a repository's files, of which some are GGUFs."""
    return group_shards(filter(is_gguf, names))


def stem_of(name: str) -> str:
    """A file's name without ".gguf" and without the number of a part."""
    found = _SHARD.fullmatch(name)
    return found["stem"] if found is not None else name[: -len(".gguf")] if is_gguf(name) else name


def is_shard(name: str) -> bool:
    """Whether `name` is one part of a split file."""
    return _SHARD.fullmatch(name) is not None


def is_model(candidate: Candidate) -> bool:
    """Whether it is a model of its own, by its name: no projector, draft, importance matrix or adapter."""
    return _NO_MODEL.search(PurePosixPath(candidate.name).name) is None


def choose(candidates: Sequence[Candidate], quant: Quant | None, files: tuple[str, ...]) -> Choice:
    """The one candidate that is meant. Raises NoChoiceError.

    1. Files named by hand: exactly those. 2. A quantization: the first of its names that there is.
    3. Neither: the highest precision.
    """
    if files:
        return _complete(_named(candidates, files), "named by quantized_file")
    models = [candidate for candidate in candidates if is_model(candidate)]
    if not models:
        raise NoFitError("there is no model among the GGUF files" if candidates else "there is no GGUF file")
    if quant is None:
        best = min(models, key=_precision_rank)
        because = "the only model there" if len(models) == 1 else "no quant given: the highest precision there"
        return _complete(_single(models, best), because)
    ranked = {model: rank for model in models if (rank := quant.rank(model.quantization or "")) is not None}
    if not ranked:
        raise NoFitError(f'no file is of quant "{quant.text}"; there is: {variants(models)}')
    best = min(ranked, key=lambda model: ranked[model])
    return _complete(_single(models, best), f'best match of quant "{quant.text}"')


def variants(candidates: Iterable[Candidate]) -> str:
    """The quantizations of the models among them, for people; empty if there is no model."""
    return ", ".join(sorted({each.quantization or "unknown" for each in candidates if is_model(each)}))


def choose_projector(names: Iterable[str]) -> str | None:
    """The file that turns images or sound into embeddings: BF16 before F16, F32, and quantized ones."""
    found = [name for name in names if is_gguf(name) and "mmproj" in PurePosixPath(name).name.lower()]
    return min(found, key=lambda name: (_PROJECTORS.get(_quantization(name) or "", 3), name), default=None)


def projector_for(spec: WeightsSpec, names: Iterable[str]) -> str | None:
    """Which of a repository's files comes along with what `spec` asks for."""
    if not spec.needs_projector:
        return None
    if spec.projector is None:
        return choose_projector(names)
    return spec.projector if spec.projector in names else None


def best_source(candidates: Iterable[Candidate]) -> Candidate | None:
    """The one to quantize from: 16 bits, then 32 (twice the size, the same answers), then Q8_0."""
    found = [each for each in candidates if is_model(each) and not each.n_missing and each.quantization in _SOURCES]
    return min(found, key=lambda each: (_SOURCES.index(each.quantization or ""), each.name), default=None)


def pull_command(model_id: str, quant: Quant | None, files: tuple[str, ...], revision: str) -> str:
    """The command line that gets what an entry asks for."""
    options = f" --quant {quant.text}" if quant else "".join(f" --file {name}" for name in files)
    return f"lsrv pull {model_id}{options}" + ("" if revision == "main" else f" --revision {revision}")


def with_quantization(candidate: Candidate, quantization: str) -> Candidate:
    """The same candidate, of a quantization that its name does not say."""
    return replace(candidate, quantization=quantization)


def _named(candidates: Sequence[Candidate], files: tuple[str, ...]) -> Candidate:
    for candidate in candidates:
        known = {*candidate.files, *(PurePosixPath(name).name for name in candidate.files)}
        if known.issuperset(files):
            return candidate
    there = ", ".join(candidate.name for candidate in candidates) or "no GGUF file"
    raise NoChoiceError(f'quantized_file "{"; ".join(files)}" is not there; there is: {there}')


def _single(models: list[Candidate], best: Candidate) -> Candidate:
    """`best`, unless another model is of the very same quantization."""
    twins = [model.name for model in models if model.quantization == best.quantization]
    if len(twins) > 1:
        raise NoChoiceError(
            f"{len(twins)} models fit equally: {', '.join(twins)}; name one with format.quantized_file (pull: --file)"
        )
    return best


def _complete(candidate: Candidate, because: str) -> Choice:
    if candidate.n_missing:
        raise NoChoiceError(f"{candidate.name} is split, and {candidate.n_missing} of its parts are missing")
    return Choice(candidate, because)


def _precision_rank(candidate: Candidate) -> tuple[int, bool, str]:
    quantization = candidate.quantization or ""
    return (-bits(quantization), quantization.startswith("UD-"), quantization)


def _quantization(name: str) -> str | None:
    """What the file's name says, else its folder's."""
    path = PurePosixPath(name)
    stem = path.stem if is_gguf(path.name) else path.name
    return find_name(stem) or find_name(path.parent.name)
