"""GBNF text to rules, as `llama_grammar_parser` of llama.cpp reads it, with bounds. Pure."""

from __future__ import annotations

import re

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

_MAX_BYTES = 64 * 1024
_MAX_NESTING = 100
_MAX_RULES = 2000
_ROOT = "root"
_SPACE = re.compile(r"(?:[ \t]+|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DEFINED_AS = re.compile(r"::=")
_COUNTS = re.compile(r"\{\s*([0-9]{1,9})\s*(?:(,)\s*([0-9]{1,9})?\s*)?\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "[": "[", "]": "]"}
_REPETITIONS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def parse_gbnf(source: str) -> dict[str, Node]:
    """Rules by name; one is `root`, and all that are referred to are there. Raises ValueError with line and column."""
    if len(source.encode()) > _MAX_BYTES:
        raise ValueError(f"it is longer than {_MAX_BYTES // 1024} KiB")
    rules = _Parser(source).rules()
    if _ROOT not in rules:
        raise ValueError(f"it has no rule '{_ROOT}'")
    for name, node in rules.items():
        for wanted in references(node):
            if wanted not in rules:
                raise ValueError(f"rule '{name}' refers to '{wanted}', which is no rule")
    return rules


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def rules(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        self._take(_SPACE_AND_LINES)
        while self._next:
            name = self._expect(_NAME, "the name of a rule")
            self._take(_SPACE)
            self._expect(_DEFINED_AS, "::=")
            self._take(_SPACE_AND_LINES)
            found[name] = self._choice()
            if self._next not in ("", "\r", "\n"):
                raise self._error("expected the end of the line")
            self._take(_SPACE_AND_LINES)
            if len(found) > _MAX_RULES:
                raise ValueError(f"it has more than {_MAX_RULES} rules")
        return found

    def _choice(self) -> Node:
        nodes = [self._series()]
        while self._next == "|":
            self._at += 1
            self._take(_SPACE_AND_LINES)
            nodes.append(self._series())
        return nodes[0] if len(nodes) == 1 else OneOf(tuple(nodes))

    def _series(self) -> Node:
        nodes: list[Node] = []
        while (node := self._item(nodes)) is not None:
            nodes.append(node)
            self._take(_SPACE_AND_LINES if self._depth else _SPACE)
        return nodes[0] if len(nodes) == 1 else Series(tuple(nodes))

    def _item(self, before: list[Node]) -> Node | None:
        """What comes next in a series; a repetition takes the one before it along. None at the end."""
        match self._next:
            case '"':
                return self._literal()
            case "[":
                return self._class()
            case "(":
                return self._group()
            case ".":
                self._at += 1
                return CharacterClass((), is_negated=True)
            case "*" | "+" | "?" | "{":
                if not before:
                    raise self._error("there is nothing to repeat")
                return self._repetition(before.pop())
            case _:
                name = self._take(_NAME)
                return Reference(name) if name else None

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._error(f"it nests groups more than {_MAX_NESTING} deep")
        self._at += 1
        self._take(_SPACE_AND_LINES)
        node = self._choice()
        if self._next != ")":
            raise self._error("expected )")
        self._at += 1
        self._depth -= 1
        return node

    def _repetition(self, node: Node) -> Node:
        if self._next != "{":
            n_min, n_max = _REPETITIONS[self._next]
            self._at += 1
            return Repetition(node, n_min, n_max)
        counts = _COUNTS.match(self._text, self._at)
        if counts is None:
            raise self._error("expected {n}, {n,} or {n,m}")
        n_min = int(counts[1])
        n_max = int(counts[3]) if counts[3] else None if counts[2] else n_min
        if n_max is not None and n_max < n_min:
            raise self._error("it repeats at most fewer times than at least")
        self._at = counts.end()
        return Repetition(node, n_min, n_max)

    def _literal(self) -> Node:
        self._at += 1
        characters: list[str] = []
        while self._next != '"':
            characters.append(self._character('"'))
        self._at += 1
        return Literal("".join(characters))

    def _class(self) -> Node:
        self._at += 1
        is_negated = self._next == "^"
        self._at += is_negated
        ranges: list[tuple[int, int]] = []
        while self._next != "]":
            first = last = ord(self._character("]"))
            if self._next == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                last = ord(self._character("]"))
            if last < first:
                raise self._error("a range ends before it begins")
            ranges.append((first, last))
        if not ranges and not is_negated:
            raise self._error("no character is in []")
        self._at += 1
        return CharacterClass(tuple(ranges), is_negated)

    def _character(self, closing: str) -> str:
        """The next one of a literal or class, escapes resolved."""
        if not self._next:
            raise self._error(f"expected {closing}")
        character = self._next
        self._at += 1
        if character != "\\":
            return character
        if self._next and self._next in _ESCAPES:
            self._at += 1
            return _ESCAPES[self._text[self._at - 1]]
        match = _HEX.match(self._text, self._at)
        code = int(match[1] or match[2] or match[3], 16) if match is not None else -1
        if match is None or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self._error("no character is written so")
        self._at = match.end()
        return chr(code)

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _expect(self, pattern: re.Pattern[str], what: str) -> str:
        found = self._take(pattern)
        if not found:
            raise self._error(f"expected {what}")
        return found

    def _error(self, what: str) -> ValueError:
        line_start = self._text.rfind("\n", 0, self._at) + 1
        line = self._text.count("\n", 0, self._at) + 1
        return ValueError(f"line {line}, column {self._at - line_start + 1}: {what}")
