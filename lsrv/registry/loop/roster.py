"""Every entry that is served here. Changed by the registry's run loop only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from lsrv.config import ModelSettings, Settings, SettingsChange
from lsrv.model_id import ModelId
from lsrv.registry.entries.entry import Entry, limits_of
from lsrv.registry.entries.happenings import Configured, Happening, Removed

Make = Callable[[ModelSettings, float], Entry]  # settings, drain_timeout_s


class Roster:
    """Entries of this machine in config order, then those that were removed from the settings and have not gone yet."""

    def __init__(self, settings: Settings, by_id: dict[ModelId, Entry], make: Make) -> None:
        """Fills `by_id`, which is nobody else's to change."""
        self._make = make
        self._drain_timeout_s = settings.server.drain_timeout_s
        self.by_id = by_id
        by_id |= {model.model_id: self._new(model) for model in _local(settings)}

    def __iter__(self) -> Iterator[Entry]:
        """All that hold or may hold a worker, those included that clients can't name any more."""
        return iter(self.by_id.values())

    def served(self) -> list[Entry]:
        """What clients can name, in config order."""
        return [entry for entry in self if not entry.state.is_removed]

    def leaving(self) -> list[Entry]:
        """Entries that were removed from the settings and have not gone yet."""
        return [entry for entry in self if entry.state.is_removed]

    def adapters_of(self, model_id: ModelId) -> Collection[str]:
        """The names of the adapters that an entry offers; of one that is not served here none."""
        entry = self.by_id.get(model_id)
        return [] if entry is None else entry.adapters.names()

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
        return happenings

    def forget(self, entry: Entry) -> None:
        """Let a removed entry go that has nothing left to do."""
        del self.by_id[entry.settings.model_id]

    def _new(self, model: ModelSettings) -> Entry:
        return self._make(model, self._drain_timeout_s)


def _local(settings: Settings) -> list[ModelSettings]:
    return [model for model in settings.models if model.has_weights]
