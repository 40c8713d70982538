"""Values written as literals of a language that is not JSON: Python's, or objects with bare keys. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from lsrv.chat.binding.lark import Lark, either, quoted
from lsrv.chat.binding.members import Member, in_order
from lsrv.chat.binding.schema import KINDS, SchemaPart
from lsrv.chat.format.answer_format import JsonType

_UNKNOWN = ("allOf", "not", "if", "patternProperties", "prefixItems", "contains", "dependentRequired", "propertyNames")


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a language writes values. `text`: any text of a schema; `value`: one text; `any_key`: a key nobody named."""

    text: Callable[[SchemaPart], str]
    value: Callable[[str], str]
    key: Callable[[str], str]
    any_key: str
    true: str
    false: str
    null: str
    comma: str
    colon: str


class Literals:
    """Values of one tool, in one language."""

    def __init__(self, lark: Lark, spelling: Spelling) -> None:
        self._lark = lark
        self._spelling = spelling
        self._known: dict[str, str] = {}

    def value(self, part: SchemaPart) -> str:
        """The name of a rule for any value of a schema. Raises ValueError for what no rule can say."""
        key = json.dumps(part.schema, sort_keys=True)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = self._lark.reserve()
            self._lark.define(name, " | ".join(self._alternative(each) for each in part.alternatives()))
        return name

    def _alternative(self, part: SchemaPart) -> str:
        refuse_unknown(part)
        if part.values is not None:
            return either([self._constant(value) for value in part.values])
        if part.kind is None:
            return either([self.of_kind(kind, part) for kind in KINDS])
        return self.of_kind(part.kind, part)

    def of_kind(self, kind: JsonType, part: SchemaPart) -> str:
        """The body of a rule for values of one type."""
        spelling = self._spelling
        match kind:
            case "string":
                return spelling.text(part)
            case "boolean":
                return f"({quoted(spelling.true)} | {quoted(spelling.false)})"
            case "null":
                return quoted(spelling.null)
            case "object":
                return f'"{{" {self._members(part)} "}}"'
            case "array":
                return f'"[" {self._items(part)} "]"'
            case _:
                return part.json(kind)

    def _members(self, part: SchemaPart) -> str:
        colon, required = self._spelling.colon, part.required
        members = [
            Member(f"{quoted(self._spelling.key(name) + colon)} {self.value(member)}", name in required)
            for name, member in part.properties.items()
        ]
        if part.others is not None:
            other = f"{self._spelling.any_key} {quoted(colon)} {self.value(part.others)}"
            members.append(Member(other, is_required=False, is_repeated=True))
        return in_order(self._lark, members, self._spelling.comma)

    def _items(self, part: SchemaPart) -> str:
        item = self.value(part.items)
        return repeated(self._lark, item, self._spelling.comma, part)

    def _constant(self, value: object) -> str:
        spelling = self._spelling
        match value:
            case str():
                return spelling.value(value)
            case bool():
                return quoted(spelling.true if value else spelling.false)
            case None:
                return quoted(spelling.null)
            case int() | float():
                return quoted(json.dumps(value))
            case _:
                raise ValueError("lists and objects among the values of an enum can't be kept by this model")


def repeated(lark: Lark, item: str, between: str, part: SchemaPart) -> str:
    """The body of a rule for as many items as the schema of an array allows."""
    fewest, most = int(str(part.schema.get("minItems", 0))), part.schema.get("maxItems")
    if most is not None and int(str(most)) < 1:
        return '""'
    gap = f"{quoted(between)} " if between else ""
    upper = "" if most is None else str(int(str(most)) - 1)
    some = f"{item} ({gap}{item}){{{max(0, fewest - 1)},{upper}}}"
    return lark.rule(some if fewest else f'"" | {some}')


def refuse_unknown(part: SchemaPart) -> None:
    """Raise ValueError for what binds values in a way that only JSON's grammar knows."""
    found = next((word for word in _UNKNOWN if word in part.schema), None)
    if found is not None:
        raise ValueError(f"{found} can't be kept in the way that this model writes arguments")
