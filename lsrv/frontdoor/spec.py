"""What an entry, or a person, asks for, and what there is when nothing is here yet. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lsrv import demo
from lsrv.frontdoor.repository import is_hub_id, sibling_repos
from lsrv.home import expanded
from lsrv.quantization import AUTO, AutoQuant, Quant


def built_in(model_id: str) -> Path | None:
    """The GGUF inside the package that goes by this name."""
    return demo.MODELS.get(model_id)


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """What an entry, or a person, asks for."""

    model_id: str
    quant: Quant | AutoQuant | None = None  # of a ready file if there is one
    isq: Quant | None = None  # made here in any case
    quantized_file: tuple[str, ...] = ()
    format: Literal["auto", "gguf", "plain"] = "auto"  # gguf: no safetensors; plain: nothing but safetensors
    revision: str = "main"
    folder: Path | None = None  # where relative paths start; None: the current one
    imatrix: Path | None = None
    needs_projector: bool = False  # what sees or hears comes along, where there is such a file
    projector: str | None = None  # the name of that file; None: the best one

    @property
    def asked(self) -> Quant | None:
        """The quantization in words of its own."""
        return self.isq or (self.quant if self.quant != AUTO else None)

    @property
    def takes_ready(self) -> bool:
        """Whether a ready GGUF will do."""
        return self.isq is None and self.format != "plain"

    @property
    def path(self) -> Path:
        return (self.folder or Path()) / expanded(self.model_id)

    @property
    def is_local(self) -> bool:
        """Whether it can only be on this disk."""
        return built_in(self.model_id) is not None or not is_hub_id(self.model_id) or self._is_path

    @property
    def repo_at(self) -> str:
        """The repository, and which commit of it: "OWNER/NAME@REVISION"."""
        return f"{self.model_id}@{self.revision}"

    @property
    def repos(self) -> list[tuple[str, str]]:
        """(repository, revision) on the Hub: its own, then those with GGUFs of it by the usual naming."""
        return [(self.model_id, self.revision), *((repo, "main") for repo in sibling_repos(self.model_id))]

    @property
    def _is_path(self) -> bool:
        try:
            return self.path.exists()
        except OSError:
            return False


@dataclass(frozen=True)
class Pending:
    """Weights that are not here yet. `how`: what the first use does about it, for people."""

    how: str
