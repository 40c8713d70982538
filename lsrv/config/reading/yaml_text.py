"""A YAML text as plain values, with the line of each key, as YAML 1.2 reads scalars. Pure.

YAML 1.1, which PyYAML speaks, makes false of `no`, a date of 2024-01-01 and 82 of 1:22.
"""

from __future__ import annotations

import re

import yaml

from lsrv.config.layer import KeyPath, as_table

_NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)"
_MERGE = "tag:yaml.org,2002:merge"
_N_NODES_MAX = 100_000  # with everything that aliases repeat: nine lines of them make a billion


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: null, true and false, whole numbers and others, text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own name


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", rf"{_NUMBER}(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), _first)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))  # 012 is twelve


class YamlError(ValueError):
    """`line` and `column` are 1-based."""

    def __init__(self, text: str, line: int, column: int) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


def read_yaml(text: str) -> tuple[object, dict[KeyPath, int], list[KeyPath]]:
    """The value, the 1-based line of every key and element, and the paths of keys that stand twice in their table.

    Raises YamlError.
    """
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        raise YamlError(", ".join(filter(None, (error.context, error.problem))), *at) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"character {error.character!r} may not stand in YAML", line, 1) from None
    reading = _Reading(loader)
    return (None if node is None else reading.value(node, ()), reading.lines, reading.twice)


class _Reading:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.twice: list[KeyPath] = []
        self._loader = loader
        self._n_nodes = 0
        self._open: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        self._n_nodes += 1
        if self._n_nodes > _N_NODES_MAX:
            raise _at(node, "its aliases repeat too much; write out what they mean")
        if any(each is node for each in self._open):
            raise _at(node, "an alias holds itself; no setting needs that")
        if path:
            self.lines.setdefault(path, node.start_mark.line + 1)
        self._open.append(node)
        try:
            return self._inner(node, path)
        finally:
            self._open.pop()

    def _inner(self, node: yaml.Node, path: KeyPath) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._table(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            raise _at(node, f"{node.tag} is no plain value; write text, a number, true or false") from None

    def _table(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        """What `<<` merges in stands below the table's own keys."""
        table: dict[str, object] = {}
        own = [(key, value) for key, value in node.value if key.tag != _MERGE]
        for merged in [value for key, value in node.value if key.tag == _MERGE]:
            several = merged.value if isinstance(merged, yaml.SequenceNode) else [merged]
            for each in reversed(several):
                if not isinstance(each, yaml.MappingNode):
                    raise _at(each, "<< takes a table, or a list of them")
                table |= as_table(self.value(each, path))
        seen: set[str] = set()
        for key, value in own:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(key, "a key that is no text; write NAME: VALUE")
            name = str(key.value)
            here = (*path, name)
            if name in seen:
                self.twice.append(here)
            seen.add(name)
            self.lines = {each: line for each, line in self.lines.items() if each[: len(here)] != here}
            self.lines[here] = key.start_mark.line + 1
            table[name] = self.value(value, here)
        return table


def _at(node: yaml.Node, text: str) -> YamlError:
    return YamlError(text, node.start_mark.line + 1, node.start_mark.column + 1)
