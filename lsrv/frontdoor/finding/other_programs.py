"""GGUFs that other programs have put on this disk, to be used in place. Reads folders, manifests and headers only.

What is missing, closed to this user or on a sick disk holds nothing: it is not ours, and others go on.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from lsrv.errors import BuildError
from lsrv.frontdoor.finding.checked import true_quantization
from lsrv.frontdoor.finding.choice import Candidate, group_shards
from lsrv.frontdoor.finding.folder import gguf_names
from lsrv.frontdoor.gguf.header import read_header, require_model
from lsrv.frontdoor.hub.cache_layout import default_cache
from lsrv.home import expanded, home

OLLAMA_SERVICE = Path("/usr/share/ollama/.ollama/models")  # of the Linux package
_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_OLLAMA_LATEST = ":latest"  # what a name without a tag means there
_OLLAMA_LIBRARY = ("registry.ollama.ai", "library")
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_N_MANIFEST_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class FoundWeights:
    """A whole model of one file, or of all shards of a split one, with a sound header."""

    model_id: str  # as its program names it: "owner/name", "llama3.2:3b"
    program: str  # "Hugging Face cache", "Ollama", "LM Studio", "llama.cpp"
    path: Path  # what llama.cpp opens
    shards: tuple[Path, ...]
    size_bytes: int
    quantization: str
    kind: Literal["text", "embedding", "rerank"]


@dataclass(frozen=True)
class UnreadModel:
    """A model file before its header is read."""

    model_id: str
    program: str
    shards: tuple[Path, ...]
    name: str  # of the first file, within what its program calls by `model_id`


def find_on_disk(model_id: str | None = None) -> list[FoundWeights]:
    """Every model of the programs known here, or those called `model_id` only; each file once.

    Blocking: reads the header of each, some 10 ms.
    """
    return _opened_once([*in_hub_cache(default_cache()), *of_programs()], model_id)


def find_in_programs(model_id: str) -> list[FoundWeights]:
    """The same without the Hub cache, whose repositories and revisions `resolve` knows better."""
    return _opened_once(of_programs(), model_id)


def of_programs() -> list[UnreadModel]:
    """Every file that may be a model of a program known here, the Hub cache left out."""
    if (user := home()) is None:
        return []
    return [
        *(place for folder in ollama_folders(user) for place in in_ollama(folder)),
        *(place for folder in lm_studio_folders(user) for place in in_lm_studio(folder)),
        *in_llama_cpp(llama_cpp_folder(user)),
    ]


def _opened_once(places: list[UnreadModel], model_id: str | None) -> list[FoundWeights]:
    found: dict[Path, FoundWeights] = {}
    for place in places:
        if model_id not in (None, place.model_id, place.model_id.removesuffix(_OLLAMA_LATEST)):
            continue
        if (file := resolved(place.shards[0])) not in found and (weights := opened(place)) is not None:
            found[file] = weights
    return list(found.values())


def resolved(path: Path) -> Path:
    """The file that `path` leads to; `path` itself where its links go in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return path


def in_hub_cache(cache: Path) -> Iterator[UnreadModel]:
    """`cache/models--OWNER--NAME/snapshots/COMMIT/**.gguf`, the commit of `main` first."""
    for repo in _folders(cache, "models--*"):
        model_id = repo.name.removeprefix("models--").replace("--", "/", 1)
        main = repo / "refs" / "main"
        commit = _text(main) or ""
        for snapshot in sorted(_folders(repo / "snapshots", "*"), key=lambda path: (path.name != commit, path.name)):
            yield from _models_below(snapshot, model_id, "Hugging Face cache")


def ollama_folders(home: Path) -> list[Path]:
    """Where Ollama keeps models: OLLAMA_MODELS, else the user's and (Linux) the service's. Source: Ollama's faq.mdx."""
    if named := os.environ.get("OLLAMA_MODELS"):
        return [expanded(named)]
    return [home / ".ollama" / "models", OLLAMA_SERVICE]


def in_ollama(models: Path) -> Iterator[UnreadModel]:
    """Models of Ollama: `manifests/HOST/NAMESPACE/NAME/TAG`; its layer of the model's type names `blobs/sha256-HEX`."""
    for manifest in _files(models / "manifests", "*/*/*/*"):
        host, namespace, name, tag = manifest.relative_to(models / "manifests").parts
        prefix = "" if (host, namespace) == _OLLAMA_LIBRARY else f"{namespace}/"
        prefix = prefix if host == _OLLAMA_LIBRARY[0] else f"{host}/{prefix}"
        if (digest := _ollama_digest(manifest)) is not None:
            yield UnreadModel(f"{prefix}{name}:{tag}", "Ollama", (models / "blobs" / f"sha256-{digest}",), tag)


def lm_studio_folders(home: Path) -> list[Path]:
    """Where LM Studio keeps models: the folder its settings name, else `models` in its home, which a file points to."""
    pointed = Path(_text(home / ".lmstudio-home-pointer") or home / ".lmstudio")
    homes = dict.fromkeys([pointed, home / ".lmstudio", home / ".cache" / "lm-studio"])
    return list(dict.fromkeys(_lm_studio_downloads(each) for each in homes))


def in_lm_studio(models: Path) -> Iterator[UnreadModel]:
    """`PUBLISHER/NAME/*.gguf`. Source: lmstudio.ai/docs, "Import models"."""
    for folder in _folders(models, "*/*"):
        yield from _models_below(folder, f"{folder.parent.name}/{folder.name}", "LM Studio")


def llama_cpp_folder(home: Path) -> Path:
    """LLAMA_CACHE or the place per system. Source: fs_get_cache_directory of llama.cpp's common.cpp."""
    if named := os.environ.get("LLAMA_CACHE"):
        return expanded(named)
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "llama.cpp"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "llama.cpp"


def in_llama_cpp(folder: Path) -> Iterator[UnreadModel]:
    """`OWNER_NAME_FILE.gguf`, as `-hf OWNER/NAME` stored it before llama.cpp took to the Hugging Face cache."""
    for candidate in _whole_models(folder):
        model_id = _unflattened(Path(candidate.name).stem)
        yield UnreadModel(model_id, "llama.cpp", tuple(folder / name for name in candidate.files), candidate.name)


def _unflattened(stem: str) -> str:
    """ "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M" -> "ggml-org/gemma-3-4b-it-GGUF"; else the stem itself."""
    owner, _, rest = stem.partition("_")
    name = re.match(r"(.*?-GGUF)_", rest, re.IGNORECASE)
    return f"{owner}/{name[1]}" if name else stem


def _models_below(folder: Path, model_id: str, program: str) -> Iterator[UnreadModel]:
    for candidate in _whole_models(folder):
        yield UnreadModel(model_id, program, tuple(folder / name for name in candidate.files), candidate.name)


def _whole_models(folder: Path) -> list[Candidate]:
    try:
        return [each for each in group_shards(gguf_names(folder)) if not each.n_missing]
    except OSError:
        return []


def opened(place: UnreadModel) -> FoundWeights | None:
    """The weights; None for what is no model: projectors, adapters, importance matrices, vocabularies, broken files."""
    try:
        headers = [read_header(shard) for shard in place.shards]
        require_model(place.shards[0], headers[0])
    except BuildError:
        return None
    if headers[0].n_shards != len(headers) or not any(header.n_tensors for header in headers):
        return None
    size_bytes = sum(header.size_bytes for header in headers)
    (candidate,) = group_shards(shard.name for shard in place.shards)
    quantization = true_quantization(candidate, headers[0])
    path, kind = place.shards[0], headers[0].kind
    return FoundWeights(place.model_id, place.program, path, place.shards, size_bytes, quantization, kind)


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType")
    digest: str


class _Manifest(msgspec.Struct):
    layers: list[_Layer]


def _ollama_digest(manifest: Path) -> str | None:
    """Hash of the model's blob; None for what is no manifest, holds an adapter only, or a model in several blobs."""
    try:
        with manifest.open("rb") as file:
            layers = msgspec.json.decode(file.read(_N_MANIFEST_BYTES_MAX), type=_Manifest).layers
    except (OSError, msgspec.MsgspecError):
        return None
    digests = [_DIGEST.fullmatch(layer.digest) for layer in layers if layer.media_type == _OLLAMA_MODEL]
    return digests[0][1] if len(digests) == 1 and digests[0] else None


class _LmStudioSettings(msgspec.Struct):
    downloads_folder: str = msgspec.field(name="downloadsFolder", default="")


def _lm_studio_downloads(lm_home: Path) -> Path:
    try:
        settings = msgspec.json.decode((lm_home / "settings.json").read_bytes(), type=_LmStudioSettings)
    except (OSError, msgspec.MsgspecError):
        return lm_home / "models"
    return Path(settings.downloads_folder) if settings.downloads_folder else lm_home / "models"


def _text(path: Path) -> str | None:
    """What a small file says; None where it can't be read, or says nothing."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _folders(folder: Path, pattern: str) -> list[Path]:
    return _matches(folder, pattern, Path.is_dir)


def _files(folder: Path, pattern: str) -> list[Path]:
    """Regular files, and links that lead to one."""
    return _matches(folder, pattern, Path.is_file)


def _matches(folder: Path, pattern: str, is_wanted: Callable[[Path], bool]) -> list[Path]:
    """Sorted; none where the folder is missing or closed to this user (the Ollama service's often is)."""
    try:
        return [path for path in sorted(folder.glob(pattern)) if is_wanted(path)]
    except OSError:
        return []
