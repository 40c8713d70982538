"""The one list of keys whose feature is not in this version. When a feature lands, delete its line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lsrv.config.layer import KeyPath, Layer, RawTable, as_table, as_tables
from lsrv.config.problems import Problem, problem


@dataclass(frozen=True)
class NotYet:
    """A key (dotted, without indices), the values of it that are refused, and what to do."""

    key: str
    is_refused: Callable[[object], bool]
    mend: str


def _unless(*harmless: object) -> Callable[[object], bool]:
    return lambda value: value not in harmless


def _if(*refused: object) -> Callable[[object], bool]:
    return lambda value: value in refused


NOT_YET: tuple[NotYet, ...] = (
    NotYet("models.kind", _if("speech", "handler"), "only GGUF models of text; remove the entry"),
    NotYet("models.device.rpc", _unless([], ""), "remove it"),
)


def find_not_yet(layer: Layer) -> list[Problem]:
    """Every key of `layer` that asks for a feature this version lacks."""
    return [
        problem(layer, path, f"not in this version yet; {entry.mend}")
        for entry in NOT_YET
        for path, value in find(layer, entry.key)
        if entry.is_refused(value)
    ]


def find(layer: Layer, key: str) -> Iterator[tuple[KeyPath, object]]:
    """Each place of the dotted `key` in `layer` with its value; "models." and "routes." stand for every one of them."""
    parts = key.split(".")
    roots: list[tuple[KeyPath, RawTable]] = [((), layer.raw)]
    if parts[0] in ("models", "routes"):
        name, *parts = parts
        roots = [((name, index), table) for index, table in enumerate(as_tables(layer.raw.get(name)))]
    for root, table in roots:
        value: object = table
        for part in parts:
            value = as_table(value).get(part)
        if value is not None:
            yield (*root, *parts), value
