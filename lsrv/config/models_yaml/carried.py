"""Entries that are being carried over into our keys: with the place of each key, and what is said of it."""

from __future__ import annotations

from lsrv.config.layer import ConfigPlace, KeyPath, RawTable, as_table
from lsrv.config.problems import Problem


class Carried:
    """`places` are those of the document; `placed` those of the entries, by our keys."""

    def __init__(
        self, places: dict[KeyPath, ConfigPlace], origin: ConfigPlace, placed: dict[KeyPath, ConfigPlace]
    ) -> None:
        self.models: list[RawTable] = []
        self.placed = placed
        self.problems: list[Problem] = []
        self._places = places
        self._origin = origin
        self._said: dict[str, list[str]] = {}  # what is said -> of which entries

    def begin(self, root: KeyPath) -> None:
        """A further entry: what is put from now on belongs to it."""
        self.models.append({})
        self.placed["models", len(self.models) - 1] = self._place(root)

    def put(self, key: KeyPath, value: object, source: KeyPath) -> None:
        """Set our `key` of the entry, which was written at `source`. A value that is null says nothing."""
        if value is None:
            return
        table = self.models[-1]
        for part in key[:-1]:
            table = as_table(table.setdefault(str(part), {}))
        table[str(key[-1])] = value
        target: KeyPath = ("models", len(self.models) - 1, *key)
        self.placed[target] = self._place(source)
        for path, place in self._places.items():
            if path[: len(source)] == source:
                self.placed[*target, *path[len(source) :]] = place

    def refuse(self, path: KeyPath, text: str) -> None:
        """`text` is wrong with what stands at `path` of the document."""
        key = ".".join(str(part) for part in path[2:])
        where = f"models[{path[1]}]{'.' if key else ''}{key}"
        self.problems.append(Problem(self._place(path), where, text))

    def tell(self, name: str, text: str) -> None:
        """Something that holds of the entry `name`, and perhaps of others: one line says it of all."""
        self._said.setdefault(text, []).append(name)

    def warnings(self) -> list[str]:
        return [f"{self._origin}: {', '.join(names)}: {text}" for text, names in self._said.items()]

    def _place(self, path: KeyPath) -> ConfigPlace:
        return next((self._places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._places), self._origin)
