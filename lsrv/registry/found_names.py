"""Names that people would type for models that were found on this disk. Pure.

A file of "bartowski/Qwen3-4B-GGUF" is "qwen3-4b", or "qwen3-4b:q4_k_m" where several quantizations are here;
what Ollama has keeps the name it has there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from lsrv.frontdoor.finding.choice import stem_of
from lsrv.frontdoor.finding.other_programs import FoundWeights
from lsrv.quantization import bits, find_name, without_name

_LATEST = ":latest"
_SAYS_NOTHING = re.compile(r"(?:ggml-)?model|gguf|weights?|pytorch_model|unsloth|", re.IGNORECASE)
_REPO_END = re.compile(r"[-_.](?:i1-)?gguf$", re.IGNORECASE)
_RESERVED = "default"
_N_CHARS_MAX = 200  # of a name that people would type; longer ones go by their path


def name_found(
    found: Sequence[FoundWeights], taken: Collection[str], held: Mapping[Path, tuple[str, ...]]
) -> dict[Path, tuple[str, ...]]:
    """Names of each file, the first to be listed; by its path.

    `taken`: names that mean something else. `held`: names that were given before, which stay with their file.
    """
    names = {each.path: held[each.path] for each in found if each.path in held}
    used = {*taken, *(name for given in names.values() for name in given)}
    new = [each for each in found if each.path not in names]
    for weights in sorted(new, key=lambda each: (-bits(each.quantization), each.model_id, str(each.path))):
        own = tuple(dict.fromkeys(name for name in _wanted(weights) if name not in used and _is_name(name)))
        names[weights.path] = own
        used |= {*own}
    return names


def _wanted(weights: FoundWeights) -> Iterator[str]:
    """What it might be called, the best first."""
    if weights.program == "Ollama":
        yield weights.model_id.removesuffix(_LATEST)
        yield weights.model_id
        return
    short, quantization = _short(weights), weights.quantization.lower()
    yield short.lower()
    yield f"{short.lower()}:{quantization}"
    yield short
    if "/" in weights.model_id:
        yield weights.model_id
        yield f"{weights.model_id}:{weights.quantization}"


def _short(weights: FoundWeights) -> str:
    """The file's name without its quantization; its repository's, where the file's says nothing."""
    stem = stem_of(weights.path.name)
    if weights.program == "llama.cpp" and "/" in weights.model_id:
        stem = stem.removeprefix(weights.model_id.replace("/", "_")).lstrip("_")
    name = without_name(stem)
    if _SAYS_NOTHING.fullmatch(name) or (name == stem and find_name(stem)):
        name = _REPO_END.sub("", weights.model_id.rpartition("/")[2])
    return name


def _is_name(name: str) -> bool:
    return (
        bool(name) and name == name.strip() and name.isprintable() and len(name) <= _N_CHARS_MAX and name != "default"
    )
