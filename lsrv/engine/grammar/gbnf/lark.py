"""GBNF rules as a Lark grammar for llguidance. Pure.

llguidance reads terminals greedily and never goes back, where GBNF tries every way. So all that can be is one terminal:
of each rule that is not recursive the whole, of others what stands together. What is left of the difference is a
terminal in a recursive rule that could swallow the beginning of what follows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import groupby

from lsrv.engine.grammar.gbnf.nodes import (
    CharacterClass,
    Literal,
    Node,
    OneOf,
    Reference,
    Repetition,
    Series,
    references,
)

_MAX_TERMINAL = 300  # nodes, with those of the rules that it refers to; of thousands each mask takes seconds
_NOTHING = '""'
_COUNTS: dict[tuple[int, int | None], str] = {(0, None): "*", (1, None): "+", (0, 1): "?"}


def lark_of_rules(rules: Mapping[str, Node]) -> str:
    """A Lark grammar of `rules`, in which all that are referred to are there, and one is called root."""
    return _Writer(rules).text()


class _Writer:
    def __init__(self, rules: Mapping[str, Node]) -> None:
        self._rules = rules
        self._regular = _regular_rules(rules)
        self._names = {name: f"{'R' if name in self._regular else 'r'}{i}" for i, name in enumerate(rules)}
        self._terminals: dict[str, str] = {}  # of recursive rules: name by what it stands for

    def text(self) -> str:
        lines = [
            f"{self._names[name]}: {_terminal(node, self._names) if name in self._regular else self._rule(node)}"
            for name, node in self._rules.items()
        ]
        lines += [f"{name}: {terminal}" for terminal, name in self._terminals.items()]
        return "\n".join(["%llguidance {}", f"start: {self._names['root']}", *lines, ""])

    def _rule(self, node: Node) -> str:
        """A part of a recursive rule."""
        if self._is_regular(node):
            return self._name_of(_terminal(node, self._names))
        match node:
            case Repetition(inner, n_min, n_max):
                return _repeated(self._rule(inner), n_min, n_max)
            case Series(nodes):
                runs = [(is_regular, tuple(run)) for is_regular, run in groupby(nodes, self._is_regular)]
                parts = [[self._rule(Series(run))] if is_regular else map(self._rule, run) for is_regular, run in runs]
                return f"({' '.join(part for run in parts for part in run)})"
            case OneOf(nodes):
                return f"({' | '.join(map(self._rule, nodes))})"
            case Reference(name):
                return self._names[name]
            case _:
                raise AssertionError(node)

    def _is_regular(self, node: Node) -> bool:
        return all(name in self._regular for name in references(node))

    def _name_of(self, terminal: str) -> str:
        return self._terminals.setdefault(terminal, f"T{len(self._terminals)}")


def _regular_rules(rules: Mapping[str, Node]) -> frozenset[str]:
    """Rules that refer to themselves on no way, and are not too large for one terminal."""
    wanted = {name: set(references(node)) for name, node in rules.items()}
    users: defaultdict[str, list[str]] = defaultdict(list)
    for name, names in wanted.items():
        for each in names:
            users[each].append(name)
    sizes: dict[str, int] = {}
    ready = [name for name, names in wanted.items() if not names]
    while ready:
        name = ready.pop()
        size = _size(rules[name], sizes)
        if size > _MAX_TERMINAL:
            continue
        sizes[name] = size
        for user in users[name]:
            wanted[user].discard(name)
            if not wanted[user]:
                ready.append(user)
    return frozenset(sizes)


def _size(node: Node, sizes: Mapping[str, int]) -> int:
    match node:
        case Literal(text):
            return len(text)
        case CharacterClass(ranges):
            return len(ranges)
        case Reference(name):
            return sizes[name]
        case Repetition(inner):
            return 1 + _size(inner, sizes)
        case Series(nodes) | OneOf(nodes):
            return 1 + sum(_size(inner, sizes) for inner in nodes)


def _terminal(node: Node, names: Mapping[str, str]) -> str:
    """`node` as a terminal, or a part of one that can stand anywhere."""
    match node:
        case Literal(text):
            return f"/{''.join(map(_escaped, map(ord, text)))}/" if text else _NOTHING
        case CharacterClass(ranges, is_negated):
            listed = "".join(f"{_escaped(first)}-{_escaped(last)}" for first, last in ranges)
            return f"/[{'^' * is_negated}{listed}]/" if ranges else "/(?s:.)/"
        case Reference(name):
            return names[name]
        case Repetition(inner, n_min, n_max):
            return _repeated(_terminal(inner, names), n_min, n_max)
        case Series(nodes):
            return f"({' '.join(_terminal(inner, names) for inner in nodes)})" if nodes else _NOTHING
        case OneOf(nodes):
            return f"({' | '.join(_terminal(inner, names) for inner in nodes)})"


def _repeated(inner: str, n_min: int, n_max: int | None) -> str:
    if n_max == 0:
        return _NOTHING
    counts = _COUNTS.get((n_min, n_max)) or f"{{{n_min},{'' if n_max is None else n_max}}}"
    return f"(({inner}){counts})"


def _escaped(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:x}}}"
