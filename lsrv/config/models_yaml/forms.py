"""A YAML document as a layer. Each entry says by its keys whose it is.

    model_id …                            ours, as models.toml has it
    id, type: local|remote, base_url      a list of models here and elsewhere
    name, hf_repo_id, handler, …          a catalog with a handler for each (`catalog_entry`)

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from lsrv.config.layer import ConfigPlace, KeyPath, Layer, RawTable, as_table
from lsrv.config.models_yaml.carried import Carried
from lsrv.config.models_yaml.catalog_entry import CATALOG_KEYS, carry_catalog_entry
from lsrv.config.problems import Problem


@dataclass(frozen=True)
class YamlLayer:
    """The document in our keys, what a user should be told, and what has no place there."""

    layer: Layer
    warnings: list[str]
    problems: list[Problem]


def convert_yaml(
    value: object, origin: ConfigPlace, places: dict[KeyPath, ConfigPlace], *, is_overlay: bool = False
) -> YamlLayer:
    """`value` is what the file holds. An overlay's entries may leave out what those below them say."""
    if not isinstance(value, dict | None):
        return _refused(origin, 'not a table; write "models:" and the entries below it')
    raw = dict(as_table(value))
    moved = dict(places)
    if "default_model" in raw:
        raw["default_model_id"] = raw.pop("default_model")
        moved["default_model_id",] = moved.get(("default_model",), origin)
    entries = raw.get("models")
    if not isinstance(entries, list):
        return YamlLayer(Layer(raw, origin, moved), [], [])
    kept = {path: place for path, place in moved.items() if path[0] != "models" or len(path) == 1}
    carried = Carried(places, origin, kept)
    for index, entry in enumerate(cast("list[object]", entries)):
        _carry(carried, index, entry, is_overlay=is_overlay)
    raw["models"] = carried.models
    return YamlLayer(Layer(raw, origin, carried.placed), carried.warnings(), carried.problems)


def _carry(carried: Carried, index: int, entry: object, *, is_overlay: bool) -> None:
    root: KeyPath = ("models", index)
    if not isinstance(entry, dict):
        carried.refuse(root, "not a table; write - id: NAME, or - model_id: NAME")
        return
    table = as_table(entry)
    if "model_id" not in table and table.keys() & CATALOG_KEYS:
        carry_catalog_entry(carried, root, table, is_overlay=is_overlay)
    elif "model_id" not in table and table.keys() & {"id", "type", "base_url"}:
        _carry_listed(carried, root, table)
    else:
        carried.begin(root)
        for key, inner in table.items():
            carried.put((key,), inner, (*root, key))


def _carry_listed(carried: Carried, root: KeyPath, table: RawTable) -> None:
    """{id, type, base_url}; whatever else stands there are keys of ours."""
    kind = table.get("type", "remote" if "base_url" in table else "local")
    if kind not in ("local", "remote"):
        carried.refuse((*root, "type"), f'"{kind}" is not possible; write local or remote')
        return
    if kind == "remote" and "base_url" not in table:
        carried.refuse(root, "a remote model needs base_url: the address of the server that has it")
        return
    if kind == "local" and "base_url" in table:
        carried.refuse((*root, "base_url"), "a local model has no base_url; remove it, or write type: remote")
        return
    carried.begin(root)
    if kind == "remote":
        carried.put(("kind",), "upstream", (*root, "type"))
    names = {"id": ("model_id",), "base_url": ("upstream", "base_url"), "load_mode": ("mode",)}
    for key, value in table.items():
        if key != "type":
            carried.put(names.get(key, (key,)), value, (*root, key))


def _refused(origin: ConfigPlace, text: str) -> YamlLayer:
    return YamlLayer(Layer({}, origin), [], [Problem(origin, "", text)])
