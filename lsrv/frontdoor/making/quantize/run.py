"""The parent's side: checks what can be checked at once, has the child do the work, and shows a whole file or none."""

from __future__ import annotations

import os
from pathlib import Path

from lsrv.errors import QuantizeError
from lsrv.frontdoor.gguf.header import read_header, require_model
from lsrv.frontdoor.making.child import ChildStep, run_child
from lsrv.frontdoor.making.quantize.names import can_be_source, makeable
from lsrv.frontdoor.making.quantize.order import QuantizeOrder
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.store.atomic import partial_file
from lsrv.frontdoor.store.own_cache import sole_maker


def quantize(
    source: Path,
    target: Path,
    quant: str,
    *,
    imatrix: Path | None = None,
    n_threads: int | None = None,
    on_progress: OnBuildProgress = ignore_progress,
    cancel: Cancel | None = None,
) -> Path:
    """Make the GGUF `target` of `source` (the first shard, if it is split) as `quant` says; returns `target`.

    `quant` as in `makeable`; `imatrix` an importance matrix of llama-imatrix, GGUF or .dat; `n_threads` None: all cores
    of this process. Tensors whose rows don't divide by 256 come out as llama.cpp's fallback types: `read_header(target)
    .tensor_bytes` tells. `target` is overwritten if it was there before the call; if another process makes it
    meanwhile, that one's is taken. Blocking, for minutes: progress in bytes of `target`.

    Raises QuantizeError, CorruptWeightsError, WeightsNotFoundError or BuildCancelledError, and leaves nothing then.
    """
    quantization = makeable(quant)
    _require_source(source, quantization)
    if target.exists() and target.samefile(source):
        raise QuantizeError(f"{target}: is the source itself; name another file for the result")
    what = f"{quantization} of {source.name}"
    step = ChildStep("lsrv.frontdoor.making.quantize", "quantize", what, QuantizeError)
    before = _identity(target)
    with sole_maker(target, cancel, lambda: on_progress(BuildProgress("quantize", f"{what}, by another process"))):
        if _identity(target) != before:
            return target
        with partial_file(target) as partial:
            order = QuantizeOrder(
                source=str(source),
                target=str(partial),
                quantization=quantization,
                imatrix=None if imatrix is None else str(imatrix),
                n_threads=n_threads or n_own_cores(),
            )
            run_child(step, order, on_progress, cancel)
            read_header(partial)  # what a broken build wrote must not take the target's name
    return target


def n_own_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _require_source(source: Path, quantization: str) -> None:
    header = read_header(source)
    require_model(source, header)
    if not can_be_source(header.quantization):
        raise QuantizeError(
            f"{source}: is {header.quantization} already; {quantization} made of it would lose twice. "
            "Take the F16, BF16, F32 or Q8_0 of the same model"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is there; None if none is."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns
