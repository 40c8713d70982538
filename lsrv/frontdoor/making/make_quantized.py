"""From a GGUF that is here to a smaller one in lsrv's own cache: made once for each source and recipe."""

from __future__ import annotations

import re
from pathlib import Path

from lsrv.frontdoor.finding.checked import Weights
from lsrv.frontdoor.making.quantize import makeable, quantize
from lsrv.frontdoor.progress import Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.store.source_key import source_key
from lsrv.frontdoor.store.store import Recipe, Store, StoredWeights
from lsrv.quantization import Quant, find_name

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def keep_quantized(
    source: Weights,
    quant: str | Quant,
    *,
    name: str | None = None,
    origin: str | None = None,
    imatrix: Path | None = None,
    n_threads: int | None = None,
    store: Store | None = None,
    on_progress: OnBuildProgress = ignore_progress,
    cancel: Cancel | None = None,
) -> StoredWeights:
    """`source` as `quant` says: found in the store, or made and kept there. Blocking, for minutes.

    `name` (of the file, without quantization) and `origin` (for people) are those of `source` unless given. Raises as
    `quantize`.
    """
    how = recipe(quant, imatrix)
    quantization = how.quantization

    def write(target: Path) -> None:
        quantize(
            source.path,
            target,
            quantization,
            imatrix=imatrix,
            n_threads=n_threads,
            on_progress=on_progress,
            cancel=cancel,
        )

    return (store or Store()).make(
        source_key(source.shards),
        how,
        write,
        name=f"{name or _base_name(source)}-{quantization}",
        origin=origin or source.origin,
        on_progress=on_progress,
        cancel=cancel,
    )


def recipe(quant: str | Quant, imatrix: Path | None) -> Recipe:
    """How `keep_quantized` makes it. Raises QuantizeError for what llama.cpp can't make."""
    return Recipe(quantization=makeable(quant), imatrix=None if imatrix is None else source_key([imatrix]))


def _base_name(source: Weights) -> str:
    """ "Qwen3-4B-BF16-00001-of-00002" -> "Qwen3-4B"; a blob, whose name is a hash, has the name in its header."""
    stem = _SHARD.sub("", source.path.stem)
    if stem.startswith("sha256-"):
        return source.header.name or "model"
    quantization = find_name(stem)
    return re.sub(rf"[-_.]{re.escape(quantization)}$", "", stem, flags=re.IGNORECASE) if quantization else stem
