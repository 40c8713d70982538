"""[models.defaults] and [[models.adapters]]: how an entry answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PrivateAttr

from lsrv.config.table import Name, Strings, Table, checked, shown
from lsrv.priority import MAX_PRIORITY

ADAPTER_WEIGHT_MAX = 100.0
_SEED_MAX = 2**32 - 1
_N_STOP_MAX, _STOP_BYTES_MAX = 16, 256


def _adapter_name_problem(name: str) -> str | None:
    return f'{shown(name)} begins with ":", which parts it from its entry; leave that out' if name[:1] == ":" else None


def _stop_problem(stop: tuple[str, ...]) -> str | None:
    if len(stop) > _N_STOP_MAX or any(not text or len(text.encode()) > _STOP_BYTES_MAX for text in stop):
        return f"up to {_N_STOP_MAX} stop strings of 1 to {_STOP_BYTES_MAX} bytes are possible; shorten the list"
    return None


class DefaultSettings(Table):
    """What a request gets that does not say; None: llama.cpp's own default."""

    temperature: float | None = Field(default=None, ge=0, le=100, description="0: the likeliest token always.")
    top_p: float | None = Field(default=None, ge=0, le=1, description="1 turns it off.")
    top_k: int | None = Field(default=None, ge=0, description="0 turns it off.")
    min_p: float | None = Field(default=None, ge=0, le=1, description="0 turns it off.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest answer, in tokens.")
    stop: Annotated[Strings, AfterValidator(checked(_stop_problem))] = Field(
        default=(), description="Strings that end an answer."
    )
    seed: int | None = Field(default=None, ge=0, le=_SEED_MAX, description="Seed of the sampler.")
    system: str | None = Field(default=None, description="System message of chats that bring none.")
    priority: int = Field(default=0, ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Higher: its turn comes sooner.")


class AdapterSettings(Table):
    """LoRA weights over this entry."""

    name: Annotated[Name, AfterValidator(checked(_adapter_name_problem))] = Field(
        description='What requests call it; its id is "ENTRY:NAME".'
    )
    source: str = Field(
        min_length=1,
        description="A GGUF, a folder with one, or a Hub id in the cache, with a file of it behind a slash if need be.",
    )
    revision: str = Field(default="main", min_length=1, description="Branch, tag or commit on the Hub.")
    weight: float = Field(
        default=1.0, ge=-ADAPTER_WEIGHT_MAX, le=ADAPTER_WEIGHT_MAX, description="How strongly it applies."
    )
    default: bool = Field(default=False, description="Applies to requests that choose no adapter.")

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """Where a relative path in `source` starts: beside the file that names it."""
        return self._folder

    def placed_in(self, folder: Path) -> AdapterSettings:
        """The same adapter, written in `folder`."""
        placed = self.model_copy()
        placed._folder = folder
        return placed
