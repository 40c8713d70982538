"""What an entry, or a person, asks for, and what there is when nothing is here yet. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor.finding.resolve import built_in
from lsrv.frontdoor.hub.cache_layout import is_hub_id
from lsrv.quantization import Quant, parse_quant

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """What an entry, or a person, asks for."""

    model_id: str
    quant: str | None = None  # of a ready file if there is one: a width, a name, or "auto"
    isq: str | None = None  # made here in any case
    quantized_file: tuple[str, ...] = ()
    format: Literal["auto", "gguf", "plain"] = "auto"  # gguf: no safetensors; plain: nothing but safetensors
    revision: str = "main"
    folder: Path | None = None  # where relative paths start; None: the current one
    imatrix: Path | None = None
    needs_projector: bool = False

    @property
    def asked(self) -> Quant | None:
        """The quantization in words of its own. Raises WeightsNotFoundError."""
        text = self.isq or self.quant
        try:
            return parse_quant(text) if text is not None and text != AUTO else None
        except ValueError as error:
            raise WeightsNotFoundError(f"quant: {error}") from None

    @property
    def takes_ready(self) -> bool:
        """Whether a ready GGUF will do."""
        return self.isq is None and self.format != "plain"

    @property
    def path(self) -> Path:
        return (self.folder or Path()) / Path(self.model_id).expanduser()

    @property
    def is_local(self) -> bool:
        """Whether it can only be on this disk."""
        return built_in(self.model_id) is not None or self.path.exists() or not is_hub_id(self.model_id)


@dataclass(frozen=True)
class Pending:
    """Weights that are not here yet. `how`: what the first use does about it, for people."""

    how: str
