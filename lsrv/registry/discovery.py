"""Models of this disk that are served beside those that a config lists. Looks, and says what the settings then are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lsrv.config import ModelSettings, Settings, settings_for_models
from lsrv.echo import echo
from lsrv.errors import ConfigError, ModelNotFoundError
from lsrv.frontdoor import Weights
from lsrv.frontdoor.finding.disk_search import DiskSearch
from lsrv.frontdoor.finding.other_programs import FoundWeights, resolved
from lsrv.registry.found_names import name_found
from lsrv.registry.loading.weights import finding


@dataclass(frozen=True)
class FoundModel:
    """A model on this disk. `names`: what it is called or would be, the first one listed; `served_as`: an entry's."""

    names: tuple[str, ...]
    weights: FoundWeights
    served_as: str | None


class Discovery:
    """What is found, beside the settings somebody wrote. Every method but `rebase` blocks; one call at a time."""

    def __init__(self, base: Settings) -> None:
        self._base = base
        self._search = DiskSearch()
        self._last: list[FoundWeights] = []
        self._names: dict[Path, tuple[str, ...]] = {}
        self._entries: dict[tuple[Path, tuple[str, ...], str], ModelSettings | None] = {}
        self._picked: set[Path] = set()
        self._used: tuple[Settings, frozenset[Path], dict[Path, str]] | None = None

    @property
    def base(self) -> Settings:
        """The settings without what was found."""
        return self._base

    def rebase(self, base: Settings) -> None:
        """Go by other settings; names and picks stay."""
        self._base = base

    @property
    def is_wanted(self) -> bool:
        """Whether anything that is found may be served."""
        return bool(self._base.server.discover or self._picked)

    def settings(self) -> Settings:
        """The settings with an entry for each model that shall be served and has none. Reads this disk."""
        return self._with_found(self._look()) if self.is_wanted else self._base

    def everything(self) -> list[FoundModel]:
        """Every model that programs have here and that lies in the folders of the settings, served or not."""
        used, found = self._in_use(everything := self._look(everywhere=True)), []
        self._named([each for each in everything if self._is_served(each)])
        names = self._named(everything)  # those that are served have the first choice
        for weights in everything:
            own = names.get(weights.path, ())
            is_entry = self._is_served(weights) and bool(own)
            served = used.get(resolved(weights.path)) or (own[0] if is_entry else None)
            found.append(FoundModel(own or (str(weights.path),), weights, served))
        return found

    def pick(self, name: str) -> FoundModel:
        """Serve the model that goes by a name or path of `everything`, for this run. Raises ModelNotFoundError.

        It never opens what it did not find itself, whatever `name` says.
        """
        found = self.everything()
        for model in found:
            if name in model.names or name == str(model.weights.path):
                self._picked.add(resolved(model.weights.path))
                return model
        known = [model.names[0] for model in found]
        raise ModelNotFoundError(
            f"'{echo(name)}' is no model that was found on this disk; found: {', '.join(known[:20]) or 'none'}",
            param="model_id",
            known=known,
        )

    def places_of(self, settings: Settings) -> Mapping[str, str]:
        """Whose model each one is that was found, or in which folder it lies, by its model_id."""
        names = {model.model_id for model in settings.models} - {model.model_id for model in self._base.models}
        return {str(each.path): each.program for each in self._last if str(each.path) in names}

    # -- inside ------------------------------------------------------------------------------------

    def _look(self, *, everywhere: bool = False) -> list[FoundWeights]:
        server = self._base.server
        in_programs = everywhere or server.discovers_in_programs or bool(self._picked)
        self._last = self._search.look(map(Path, server.discovered_folders), in_programs=in_programs)
        return self._last

    def _is_served(self, weights: FoundWeights) -> bool:
        server = self._base.server
        if weights.program in server.discovered_folders or resolved(weights.path) in self._picked:
            return True
        return server.discovers_in_programs and weights.program not in server.discovered_folders

    def _named(self, found: list[FoundWeights]) -> dict[Path, tuple[str, ...]]:
        """Names of all that has no entry; given once, they stay."""
        used = self._in_use(found)
        free = [each for each in found if resolved(each.path) not in used]
        base = self._base
        taken = {name for model in base.models for name in model.names} | {route.model_id for route in base.routes}
        taken |= {f"{n}:{adapter.name}" for model in base.models for n in model.names for adapter in model.adapters}
        here = {each.path for each in self._last}  # a name is free again when its file is gone
        kept = {path: tuple(n for n in names if n not in taken) for path, names in self._names.items() if path in here}
        self._names = {path: names for path, names in kept.items() if names}
        self._names |= name_found(free, taken, self._names)
        return {each.path: self._names[each.path] for each in free}

    def _with_found(self, found: list[FoundWeights]) -> Settings:
        served = [each for each in found if self._is_served(each)]
        names = self._named(served)
        models = [entry for each in served if each.path in names and (entry := self._entry(each, names[each.path]))]
        before = list(self._names)
        models.sort(key=lambda each: (each.kind != "text", before.index(Path(each.model_id))))
        return self._base.model_copy(update={"models": (*self._base.models, *models)}).read_from(self._base.source)

    def _entry(self, weights: FoundWeights, names: tuple[str, ...]) -> ModelSettings | None:
        """None for a path that no name can be, such as one with control characters."""
        key = (weights.path, names, weights.kind)
        if key not in self._entries:
            self._entries[key] = _entry_of(weights, names)
        model = self._entries[key]
        return model and model.model_copy(update={"keep_alive_s": self._base.server.keep_alive_s})

    def _in_use(self, found: list[FoundWeights]) -> dict[Path, str]:
        """The listed id of the entry, written by somebody, that a file belongs to already, by the file."""
        files = frozenset(resolved(each.path) for each in found)
        if self._used is None or self._used[0] is not self._base or self._used[1] != files:
            used: dict[Path, str] = {}
            for model in self._base.models if files else ():
                if model.has_weights and isinstance(weights := finding(self._base, model), Weights):
                    used.setdefault(resolved(weights.path), model.listed_id)
            self._used = (self._base, files, used)
        return self._used[2]


def _entry_of(weights: FoundWeights, names: tuple[str, ...]) -> ModelSettings | None:
    entry = {"model_id": str(weights.path), "alias": list(names), "kind": weights.kind}
    try:
        (model,) = settings_for_models([entry], environ={}).settings.models
    except ConfigError:
        return None
    return model
