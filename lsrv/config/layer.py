"""A layer: raw tables with the place each key was written at, and how one layer goes over another. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

KeyPath = tuple[str | int, ...]
RawTable = dict[str, object]


@dataclass(frozen=True)
class ConfigPlace:
    """Where something was written: a file and its line, or a variable, or the command line."""

    label: str
    line: int | None = None
    folder: Path | None = None  # relative paths start here; None: the current folder

    def __str__(self) -> str:
        return self.label if self.line is None else f"{self.label}:{self.line}"


@dataclass(frozen=True)
class Layer:
    """`raw` in the shape of models.toml; `places` of the keys whose place is known, `origin` of all others."""

    raw: RawTable
    origin: ConfigPlace
    places: dict[KeyPath, ConfigPlace] = field(default_factory=lambda: {})

    def place(self, path: KeyPath) -> ConfigPlace:
        """Where `path` was written, else the nearest table around it."""
        return next((self.places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.places), self.origin)

    def models(self) -> list[RawTable]:
        """The entries; empty where `models` is missing or is no list of tables."""
        return as_tables(self.raw.get("models"))


def as_table(value: object) -> RawTable:
    """`value` if it is a table, else an empty one (the type check reports it)."""
    return cast("RawTable", value) if isinstance(value, dict) else {}


def as_tables(value: object) -> list[RawTable]:
    """`value` if it is a list of tables; what is none becomes an empty one (the type check reports it)."""
    return [as_table(each) for each in cast("list[object]", value)] if isinstance(value, list) else []


def names_of(model: RawTable) -> list[str]:
    """Every name of a raw entry: model_id, then aliases; what is no string is left out."""
    alias = model.get("alias")
    aliases = cast("list[object]", alias) if isinstance(alias, list) else [alias]
    return [name for name in (model.get("model_id"), *aliases) if isinstance(name, str)]


def merge(below: Layer, above: Layer) -> Layer:
    """`above` over `below`: tables merge key by key, lists and values replace, entries merge by name, new ones go last.

    An entry of `above` merges with the entry below that has its first alias, else with the first that shares a name
    with it. Its model_id replaces that entry's, unless it only repeats an alias of it. Entries of one layer never
    merge with each other.
    """
    models, index = _merge_models(below.models(), above.models())
    raw = _over(below.raw, {key: value for key, value in above.raw.items() if key != "models"})
    if "models" in above.raw and not isinstance(above.raw["models"], list):
        raw["models"] = above.raw["models"]
    elif not isinstance(below.raw.get("models", []), list):
        raw["models"] = below.raw["models"]  # the type check reports it
    elif "models" in above.raw or "models" in below.raw:
        raw["models"] = models
    moved = {_moved(path, index): place for path, place in above.places.items()}
    for i, model in enumerate(above.models()):
        if index[i] < len(below.models()) and model.get("model_id") in names_of(below.models()[index[i]]):
            moved.pop(("models", index[i], "model_id"), None)  # repeated, not replaced: its path starts where it did
    replaced = {path for path in moved if not isinstance(_at(raw, path), dict) and path[:1] != path}
    kept = {
        path: place for path, place in below.places.items() if not any(path[:n] in replaced for n in range(len(path)))
    }
    is_of_below = bool(below.raw) or below.origin.folder is not None  # an empty file is still the one to mend
    return Layer(raw, below.origin if is_of_below else above.origin, kept | moved)


def _merge_models(below: list[RawTable], above: list[RawTable]) -> tuple[list[RawTable], list[int]]:
    """The merged entries, and for each entry of `above` its index among them."""
    merged, free, index = list(below), set(range(len(below))), list[int]()
    for model in above:
        match = _match(below, sorted(free), model)
        if match is None:
            index.append(len(merged))
            merged.append(model)
            continue
        free.discard(match)
        index.append(match)
        is_alias = model.get("model_id") in names_of(below[match])[1:]
        merged[match] = _over(below[match], {k: v for k, v in model.items() if not (is_alias and k == "model_id")})
    return merged, index


def _match(below: list[RawTable], free: list[int], model: RawTable) -> int | None:
    """The entry that `model` goes over: the first with its listed name, else with any name of it.

    Two entries may share a model_id: each is then known by its alias.
    """
    names = names_of(model)
    listed = [i for i in free if names[1:2] and names_of(below[i])[1:2] == names[1:2]]
    return next((i for i in (*listed, *free) if set(names_of(below[i])) & set(names)), None)


def _over(below: RawTable, above: RawTable) -> RawTable:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _over(as_table(old), as_table(value)) if both else value
    return merged


def _moved(path: KeyPath, index: list[int]) -> KeyPath:
    if len(path) > 1 and path[0] == "models" and isinstance(path[1], int) and path[1] < len(index):
        return ("models", index[path[1]], *path[2:])
    return path


def _at(value: object, path: KeyPath) -> object:
    for key in path:
        if isinstance(value, dict):
            value = cast("RawTable", value).get(str(key))
        elif isinstance(value, list) and isinstance(key, int) and key < len(cast("list[object]", value)):
            value = cast("list[object]", value)[key]
        else:
            return None
    return value
