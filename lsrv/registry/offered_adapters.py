"""The adapters that an entry offers: from its settings, and those loaded and unloaded since. Knows no worker."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from lsrv.config import AdapterSettings, ModelSettings
from lsrv.echo import echo
from lsrv.errors import AdapterConflictError, ModelNotFoundError, RequestError


class OfferedAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """LoRA weights that requests may choose."""

    name: str
    number: int  # llama.cpp's id; never given twice by one entry
    source: str
    revision: str
    folder: Path  # where a relative path in `source` starts
    weight: float = 1.0  # of a request that says none
    default_weight: float = 0.0  # of requests that choose no adapter; 0: it does not apply to them

    @property
    def generation(self) -> str:
        """Tells an adapter from others that had its name before."""
        return f"{self.name}@{self.number}"


class OfferedAdapters:
    """Adapters of one entry, in the order they came. They outlive its worker, so the next one loads them, too."""

    def __init__(self, settings: ModelSettings) -> None:
        self.changing = asyncio.Lock()  # held while one is loaded or unloaded
        self._listed_id = settings.listed_id
        self._numbers = itertools.count()
        self._by_name = {each.name: self._of_settings(each) for each in settings.adapters}

    def __iter__(self) -> Iterator[OfferedAdapter]:
        return iter(self._by_name.values())

    def configure(self, old: ModelSettings, new: ModelSettings) -> None:
        """Offer what `new` lists instead of what `old` listed; what was loaded since stays."""
        self._listed_id = new.listed_id
        if old.adapters == new.adapters:
            return
        listed = {each.name for each in old.adapters}
        stays = {name: adapter for name, adapter in self._by_name.items() if name not in listed}
        self._by_name = {each.name: self._of_settings(each) for each in new.adapters} | stays

    def names(self) -> list[str]:
        return list(self._by_name)

    def check_free(self, name: str, expected_generation: str | None, *, is_replacing: bool) -> None:
        """Whether `name` may be given to a new adapter. Raises AdapterConflictError if not."""
        present = self._by_name.get(name)
        if present is not None and not is_replacing:
            raise AdapterConflictError(
                f"model '{self._listed_id}' has an adapter '{echo(name)}' already; replace or unload it"
            )
        self._check_generation(name, expected_generation)

    def make(self, name: str, source: str) -> OfferedAdapter:
        """An adapter that is not offered yet; `source` is absolute."""
        return OfferedAdapter(name=name, number=next(self._numbers), source=source, revision="main", folder=Path("/"))

    def add(self, adapter: OfferedAdapter) -> None:
        """Offer an adapter, in place of one that has its name."""
        self._by_name[adapter.name] = adapter

    def remove(self, name: str, expected_generation: str | None = None) -> OfferedAdapter:
        """Offer it no longer. Raises ModelNotFoundError, AdapterConflictError."""
        if name not in self._by_name:
            raise ModelNotFoundError(
                f"model '{self._listed_id}' has no adapter '{echo(name)}'; it has {', '.join(self._by_name) or 'none'}",
                known=self.names(),
            )
        self._check_generation(name, expected_generation)
        return self._by_name.pop(name)

    def set_defaults(self, weights: Mapping[int, float]) -> None:
        """What applies to requests that choose no adapter: weights by number, and no others. Raises RequestError."""
        unknown = weights.keys() - {adapter.number for adapter in self}
        if unknown:
            known = ", ".join(f"{adapter.number} ({adapter.name})" for adapter in self) or "none"
            raise RequestError(f"model '{self._listed_id}' has no adapter {min(unknown)}; it has {known}", param="id")
        self._by_name = {
            adapter.name: msgspec.structs.replace(adapter, default_weight=weights.get(adapter.number, 0.0))
            for adapter in self
        }

    def _of_settings(self, each: AdapterSettings) -> OfferedAdapter:
        return OfferedAdapter(
            name=each.name,
            number=next(self._numbers),
            source=each.source,
            revision=each.revision,
            folder=each.folder,
            weight=each.weight,
            default_weight=each.weight if each.default else 0.0,
        )

    def _check_generation(self, name: str, expected: str | None) -> None:
        present = self._by_name.get(name)
        if expected is not None and (present is None or present.generation != expected):
            found = present.generation if present is not None else "nothing"
            raise AdapterConflictError(
                f"adapter '{echo(name)}' is {echo(found)} now, not {echo(expected)}; look again and decide anew"
            )
