"""The parent's side: has a child do the work, and shows a whole file or none."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lsrv.errors import ConvertError
from lsrv.frontdoor.gguf.header import read_header
from lsrv.frontdoor.making.child import ChildStep, run_child
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, ignore_progress
from lsrv.frontdoor.store.atomic import partial_file
from lsrv.frontdoor.store.own_cache import sole_maker

VERSION = 1  # of the GGUFs written: counts up when the same folder would give another file


class ConvertOrder(msgspec.Struct, frozen=True, kw_only=True):
    source: str  # a folder of safetensors
    target: str  # the GGUF, written from byte 0
    name: str  # general.name


def convert(
    source: Path,
    target: Path,
    *,
    name: str | None = None,
    on_progress: OnBuildProgress = ignore_progress,
    cancel: Cancel | None = None,
) -> Path:
    """Write the model in the folder `source` as the GGUF `target`; returns `target`.

    BF16 stays BF16, F16 F16 and F32 F32; FP8 becomes BF16; vectors become F32. `name` is general.name, by default that
    of the folder. A file that is there is overwritten. Blocking, as long as the disk takes: progress in tensor bytes.

    Raises ConvertError, CorruptWeightsError or BuildCancelledError, and leaves nothing then.
    """
    what = name or source.name
    step = ChildStep("lsrv.frontdoor.making.convert", "convert", what, ConvertError)
    with (
        sole_maker(target, cancel, lambda: on_progress(BuildProgress("convert", f"{what}, by another process"))),
        partial_file(target) as partial,
    ):
        run_child(step, ConvertOrder(source=str(source), target=str(partial), name=what), on_progress, cancel)
        read_header(partial)  # what a fault here wrote must not take the target's name
    return target
