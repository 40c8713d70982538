"""Every entry that is served here, and what clients call all entries. Changed by the registry's run loop only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from lsrv.config import ModelSettings, Settings, SettingsChange
from lsrv.registry.entries.entry import Entry, limits_of
from lsrv.registry.entries.happenings import Configured, Happening, Removed
from lsrv.registry.names import Names, Target

Make = Callable[[ModelSettings, float], Entry]  # settings, drain_timeout_s


class Roster:
    """Entries of this machine in config order, then those that were removed from the settings and have not gone yet."""

    def __init__(self, settings: Settings, make: Make) -> None:
        self._make = make
        self._drain_timeout_s = settings.server.drain_timeout_s
        self.by_id = {model.model_id: self._new(model) for model in _local(settings)}
        self._names = Names(settings, self._adapters_of)
        self._chosen_default: str | None = None  # by an operator, for this run

    def __iter__(self) -> Iterator[Entry]:
        """All that hold or may hold a worker, those included that clients can't name any more."""
        return iter(self.by_id.values())

    def served(self) -> list[Entry]:
        """What clients can name, in config order."""
        return [entry for entry in self if not entry.state.is_removed]

    @property
    def default_model_id(self) -> str | None:
        """The canonical id of the entry that answers requests which name none."""
        return self._names.default_model_id

    @property
    def default_route(self) -> str | None:
        """The route that answers them instead."""
        return self._names.default_route

    def target(self, model: str | None) -> Target:
        """What `model` means. Raises ModelNotFoundError."""
        return self._names.resolve(model)

    def listed_id(self, model: str | None) -> str:
        """The name in listings of what `model` means. Raises ModelNotFoundError."""
        return self._names.listed_id(self.target(model).model_id)

    def choose_default(self, name: str) -> None:
        """Make a route, or the entry of that canonical id, the default until the settings name another one."""
        self._chosen_default = name
        self._names.choose_default(name)

    def configure(self, change: SettingsChange) -> list[tuple[Entry, Happening]]:
        """Take new settings, and say what has happened to which entry."""
        server = change.settings.server
        self._drain_timeout_s = server.drain_timeout_s
        heavy = {changed.settings.model_id for changed in change.changed if changed.needs_load}
        heavy |= {model.model_id for model in change.added}  # one of that id may be on its way out still
        before = self.by_id.copy()
        self.by_id.clear()
        happenings: list[tuple[Entry, Happening]] = []
        for model in _local(change.settings):
            entry = before.pop(model.model_id, None)
            if entry is None:
                self.by_id[model.model_id] = self._new(model)
                continue
            entry.configure(model)
            self.by_id[model.model_id] = entry
            happenings.append((entry, Configured(limits_of(model, server.drain_timeout_s), model.model_id in heavy)))
        self.by_id |= before
        happenings += [(entry, Removed()) for entry in before.values() if not entry.state.is_removed]
        self._rename(change)
        return happenings

    def forget(self, entry: Entry) -> None:
        """Let a removed entry go that has nothing left to do."""
        del self.by_id[entry.settings.model_id]

    def _rename(self, change: SettingsChange) -> None:
        self._names = Names(change.settings, self._adapters_of)
        chosen = self._chosen_default
        is_kept = chosen in {each.model_id for each in (*change.settings.models, *change.settings.routes)}
        if chosen is not None and is_kept and "default_model_id" not in change.at_once:
            self._names.choose_default(chosen)
        else:
            self._chosen_default = None

    def _new(self, model: ModelSettings) -> Entry:
        return self._make(model, self._drain_timeout_s)

    def _adapters_of(self, model_id: str) -> Collection[str]:
        entry = self.by_id.get(model_id)
        return [] if entry is None else entry.adapters.names()


def _local(settings: Settings) -> list[ModelSettings]:
    return [model for model in settings.models if model.upstream is None]
