"""Arguments in tags of their keys, and what is in them in tags again. Pure."""

from __future__ import annotations

import json

from lsrv.chat.binding.lark import Lark, either
from lsrv.chat.binding.literals import refuse_unknown, repeated
from lsrv.chat.binding.members import Member, in_order
from lsrv.chat.binding.schema import KINDS, WORDS, SchemaPart
from lsrv.chat.binding.tagged import kinds_of
from lsrv.chat.binding.texts import UNLIKE_VALUES, only
from lsrv.chat.format.answer_format import JsonType, NestedTagArguments


class NestedTags:
    """The arguments of one tool."""

    def __init__(self, lark: Lark, form: NestedTagArguments) -> None:
        self._lark = lark
        self._form = form
        self._known: dict[tuple[str, str], str] = {}

    def members(self, part: SchemaPart) -> str:
        """The body of a rule for an object: a tag for each member."""
        if part.others is not None and not part.properties:
            raise ValueError("an object whose members have no names can't be kept in the way that this model writes")
        members = [Member(self._tag(name, inner), name in part.required) for name, inner in part.properties.items()]
        return in_order(self._lark, members, "")

    def _tag(self, name: str, part: SchemaPart) -> str:
        """The name of a rule for a value in its tag."""
        key = name, json.dumps(part.schema, sort_keys=True)
        rule = self._known.get(key)
        if rule is None:
            rule = self._known[key] = self._lark.reserve()
            opens = self._lark.fixed(*self._parts(self._form.opens, name))
            self._lark.define(rule, f"{opens} {either(self._values(name, part))}")
        return rule

    def _values(self, name: str, part: SchemaPart) -> list[str]:
        """Bodies of rules for the values of a schema, up to the closing tag."""
        parts = part.alternatives()
        is_text = all(kinds_of(each) == ["string"] for each in parts)
        return [value for each in parts for value in self._alternative(name, each, is_text=is_text)]

    def _alternative(self, name: str, part: SchemaPart, *, is_text: bool) -> list[str]:
        refuse_unknown(part)
        closes = self._parts(self._form.closes, name)
        if part.values is not None:
            return [self._lark.fixed(_constant(value), *closes) for value in part.values]
        kinds = KINDS[:4] if part.kind is None else (part.kind,)  # what nobody described has no members
        return [self._of_kind(kind, part, closes, is_text=is_text) for kind in kinds]

    def _of_kind(self, kind: JsonType, part: SchemaPart, closes: list[str], *, is_text: bool) -> str:
        match kind:
            case "string":
                return self._lark.until_all(closes, [*only(part), *([] if is_text else UNLIKE_VALUES)])
            case "boolean" | "null":
                return either([self._lark.fixed(_constant(value), *closes) for value in WORDS[kind]])
            case "object":
                body = self.members(part)
            case "array":
                body = repeated(self._lark, self._tag(self._form.item, part.items), "", part)
            case _:
                body = part.json(kind)
        return f"{body} {self._lark.fixed(*closes)}"

    @staticmethod
    def _parts(tag: str, name: str) -> list[str]:
        before, _, after = tag.partition("{key}")
        return [before, name, after]


def _constant(value: object) -> str:
    if isinstance(value, (list, dict)):
        raise ValueError("lists and objects among the values of an enum can't be kept by this model")
    return value if isinstance(value, str) else json.dumps(value)
