"""What was read from another server's config, in our keys, and what could not be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from lsrv.config.layer import RawTable, as_table


@dataclass
class Imported:
    """`raw` has the shape of models.toml. `left`: a sentence for each thing that was not carried over."""

    source: str
    raw: RawTable = field(default_factory=dict[str, object])
    left: list[str] = field(default_factory=list[str])

    @property
    def models(self) -> list[RawTable]:
        """The entries, to be added to."""
        return cast("list[RawTable]", self.raw.setdefault("models", []))

    def leave(self, name: str, why: str) -> None:
        """Tell that `name` has no place here."""
        text = f"{name}: {why}"
        if text not in self.left:
            self.left.append(text)

    def placed_from(self, folder: Path, target: Path) -> None:
        """Make paths that start in `folder` absolute where the models.toml will lie in another one, `target`."""
        if folder.absolute() == target.absolute():
            return
        for model in self.models:
            name = model.get("model_id")
            if isinstance(name, str) and not Path(name).is_absolute() and (folder / name).exists():
                model["model_id"] = str((folder / name).absolute())


def put(table: RawTable, key: str, value: object) -> None:
    """Set the dotted `key` of a raw table."""
    *tables, last = key.split(".")
    for part in tables:
        table = as_table(table.setdefault(part, {}))
    table[last] = value
