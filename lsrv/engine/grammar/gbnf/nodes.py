"""What a GBNF grammar is made of. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """`ranges`: first and last code points. All characters but those, where it is negated."""

    ranges: tuple[tuple[int, int], ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Reference:
    name: str


@dataclass(frozen=True, slots=True)
class Repetition:
    """`n_max`: None for any number."""

    node: Node
    n_min: int
    n_max: int | None


@dataclass(frozen=True, slots=True)
class Series:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    nodes: tuple[Node, ...]


Node = Literal | CharacterClass | Reference | Repetition | Series | OneOf


def references(node: Node) -> Iterator[str]:
    """The names of rules that stand in `node`."""
    match node:
        case Reference(name):
            yield name
        case Repetition(inner):
            yield from references(inner)
        case Series(nodes) | OneOf(nodes):
            for inner in nodes:
                yield from references(inner)
        case _:
            pass
