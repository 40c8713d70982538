"""Arguments between tags: texts as they are up to the closing tag, all else as JSON or as Python writes it. Pure."""

from __future__ import annotations

import json

from lsrv.chat.binding.languages import python
from lsrv.chat.binding.lark import Lark, either
from lsrv.chat.binding.literals import Literals, refuse_unknown
from lsrv.chat.binding.members import Member, in_order
from lsrv.chat.binding.schema import KINDS, WORDS, SchemaPart
from lsrv.chat.binding.texts import UNLIKE_VALUES, only
from lsrv.chat.format.answer_format import JsonType, TaggedArguments
from lsrv.chat.format.write import json_type

_UNGUARDED = r"/[^<&\n]*/"  # what stands without guards, where there are some
_ANY_NAME = r"/[A-Za-z_][A-Za-z0-9_.-]{0,63}/"


class Tags:
    """The arguments of one tool."""

    def __init__(self, lark: Lark, form: TaggedArguments) -> None:
        self._lark = lark
        self._form = form
        self._literals = Literals(lark, python(lark))

    def members(self, part: SchemaPart) -> str:
        """The body of a rule for the arguments of one object."""
        members = [self._member(name, member, name in part.required) for name, member in part.properties.items()]
        if part.others is not None:
            members.append(self._other(part.others))
        return in_order(self._lark, members, self._form.between)

    def _member(self, name: str, part: SchemaPart, is_required: bool) -> Member:
        values = self._values(part)
        opens = {kind: self._lark.fixed(self._form.before_key, name, self._after_key(kind)) for kind, _ in values}
        return Member(either([f"{opens[kind]} {body}" for kind, body in values]), is_required)

    def _other(self, part: SchemaPart) -> Member:
        before = self._lark.fixed(self._form.before_key)
        bodies = [
            f"{before} {_ANY_NAME} {self._lark.fixed(self._after_key(k))} {body}" for k, body in self._values(part)
        ]
        return Member(either(bodies), is_required=False, is_repeated=True)

    def _after_key(self, kind: JsonType) -> str:
        known = self._form.after_key
        return known.get(kind) or (kind == "integer" and known.get("number")) or known["string"]

    def _values(self, part: SchemaPart) -> list[tuple[JsonType, str]]:
        """Bodies of rules for the values of a schema, up to the closing tag, each with its type."""
        parts = part.alternatives()
        is_text = all(kinds_of(each) == ["string"] for each in parts)
        return [value for each in parts for value in self._alternative(each, is_text=is_text)]

    def _alternative(self, part: SchemaPart, *, is_text: bool) -> list[tuple[JsonType, str]]:
        refuse_unknown(part)
        if part.values is not None:
            return [(json_type(value), self._constant(value)) for value in part.values]
        return [(kind, self._of_kind(kind, part, is_text=is_text)) for kind in kinds_of(part)]

    def _of_kind(self, kind: JsonType, part: SchemaPart, *, is_text: bool) -> str:
        form, lark = self._form, self._lark
        if kind == "string":
            return self._text([*only(part), *([] if is_text else UNLIKE_VALUES)])
        if kind in WORDS:
            return either([self._constant(value) for value in WORDS[kind]])
        return f"{self._other_value(kind, part)} {lark.fixed(form.after_value)}"

    def _text(self, only: list[str]) -> str:
        """A text with these bodies, and the closing tag."""
        lark, guards, closes = self._lark, self._form.guards, self._form.after_value
        if guards is None:
            return lark.until(closes, only)
        guarded = f"{lark.fixed(guards.opens)} {lark.until(guards.closes, only)} {lark.fixed(closes)}"
        return f"({lark.until(closes, [_UNGUARDED, *only])} | {guarded})"

    def _other_value(self, kind: JsonType, part: SchemaPart) -> str:
        return self._literals.of_kind(kind, part) if self._form.is_python else part.json(kind)

    def _fixed_text(self, value: str) -> str:
        guards = self._form.guards
        if guards is not None and any(sign in value for sign in "<&\n"):
            return self._lark.fixed(guards.opens, value, guards.closes, self._form.after_value)
        return self._lark.fixed(value, self._form.after_value)

    def _constant(self, value: object) -> str:
        if isinstance(value, str):
            return self._fixed_text(value)
        is_constant = value is None or isinstance(value, bool)
        is_python = self._form.is_python or (is_constant and self._form.has_python_constants)
        text = repr(value) if is_python else json.dumps(value, ensure_ascii=False)
        return self._lark.fixed(text, self._form.after_value)


def kinds_of(part: SchemaPart) -> list[JsonType]:
    """The types of an alternative's values: one, or any."""
    if part.values is not None:
        return sorted({json_type(value) for value in part.values})
    return list(KINDS) if part.kind is None else [part.kind]
