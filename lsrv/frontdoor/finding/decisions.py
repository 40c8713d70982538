"""What was decided about a name after the Hub was asked, so that the same question needs no network again.

`choices/KEY.json` below lsrv's own cache. A decision holds as long as its files are here: it names one commit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from lsrv.frontdoor.spec import WeightsSpec
from lsrv.frontdoor.store.atomic import partial_file
from lsrv.frontdoor.store.own_cache import own_cache

WayToWeights = Literal["serve", "quantize", "convert"]  # the file as it is; a GGUF made smaller; safetensors


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Which files of which repository a name means, and what is done with them."""

    step: WayToWeights
    repo_id: str
    revision: str
    commit: str
    files: tuple[str, ...]  # of the model, in order
    beside: tuple[str, ...] = ()  # a projector
    quantization: str | None = None  # None: the name does not say
    because: str = ""


def remember(endpoint: str, spec: WeightsSpec, decision: Decision) -> None:
    """Keep the answer to `spec` that the Hub at `endpoint` led to. Raises OSError."""
    with partial_file(_path(endpoint, spec)) as partial:
        partial.write_bytes(msgspec.json.encode(decision))


def remembered(endpoint: str, spec: WeightsSpec) -> Decision | None:
    """The decision about the same question; None where there is none that can be read."""
    try:
        return msgspec.json.decode(_path(endpoint, spec).read_bytes(), type=Decision)
    except (OSError, msgspec.MsgspecError):
        return None


def _path(endpoint: str, spec: WeightsSpec) -> Path:
    asked = [
        endpoint,
        spec.repo_at,
        str(spec.quant or ""),
        str(spec.isq or ""),
        *spec.quantized_file,
        spec.format,
        str(spec.needs_projector),
        spec.projector or "",
    ]
    return own_cache() / "choices" / f"{hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:32]}.json"
