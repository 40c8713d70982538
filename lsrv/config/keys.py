"""Every key the schema knows, by its dotted path, read off the models. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import get_args

from pydantic.fields import FieldInfo

from lsrv.config.advice.foreign_words import foreign
from lsrv.config.layer import KeyPath
from lsrv.config.settings import Settings
from lsrv.config.table import Table


@dataclass(frozen=True)
class Key:
    """One key: `path` without indices, its field, and the table its value is (or holds a list of), if any."""

    path: tuple[str, ...]
    field: FieldInfo
    table: type[Table] | None

    def __str__(self) -> str:
        return ".".join(self.path)


@cache
def known_keys() -> dict[tuple[str, ...], Key]:
    """All keys in the order of the models."""
    return {key.path: key for key in _keys_of(Settings, ())}


def pattern_of(path: KeyPath) -> tuple[str, ...]:
    """`path` without indices: ("models", 0, "alias", 1) -> ("models", "alias")."""
    return tuple(part for part in path if isinstance(part, str))


def nearest(path: KeyPath) -> str | None:
    """What the unknown key at `path` probably meant.

    Another server's word for ours, or a key of the same table, else that name in another table.
    """
    if known := foreign(pattern_of(path)):
        return known
    *table, name = pattern_of(path)
    siblings = [key.path[-1] for key in known_keys().values() if key.path[:-1] == tuple(table)]
    same = difflib.get_close_matches(name, siblings, n=1, cutoff=0.75)
    if same:
        return same[0]
    elsewhere = [str(key) for key in known_keys().values() if key.path[-1] == name]
    if elsewhere:
        return min(elsewhere, key=lambda key: not key.startswith(".".join(table[:1])))
    near = difflib.get_close_matches(name, siblings, n=1, cutoff=0.5)
    return near[0] if near else None


def _keys_of(table: type[Table], prefix: tuple[str, ...]) -> Iterator[Key]:
    for attribute, field in table.model_fields.items():
        path = (*prefix, field.alias or attribute)
        inner = _table_in(field.annotation)
        yield Key(path, field, inner)
        if inner is not None:
            yield from _keys_of(inner, path)


def _table_in(annotation: object) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((found for found in map(_table_in, get_args(annotation)) if found), None)
