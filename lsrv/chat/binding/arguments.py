"""The arguments of one tool, in the way that a model writes them. Pure."""

from __future__ import annotations

from collections.abc import Callable

from lsrv.chat.binding.languages import bare, python
from lsrv.chat.binding.lark import Lark, either
from lsrv.chat.binding.literals import Literals, refuse_unknown
from lsrv.chat.binding.members import Member, in_order
from lsrv.chat.binding.nested_tags import NestedTags
from lsrv.chat.binding.schema import SchemaPart, ToolSchema
from lsrv.chat.binding.tagged import Tags
from lsrv.chat.format.answer_format import (
    Arguments,
    BareArguments,
    JsonArguments,
    NestedTagArguments,
    PythonArguments,
    TaggedArguments,
)


def arguments_of(lark: Lark, form: Arguments, schema: ToolSchema) -> str:
    """The body of a rule for the arguments of a tool with this schema. Raises ValueError for what no rule can say."""
    whole = SchemaPart(schema, schema)
    match form:
        case JsonArguments():
            return whole.json()
        case BareArguments():
            return Literals(lark, bare(lark, form.quote)).value(whole)
        case PythonArguments():
            literals = Literals(lark, python(lark))
            return _each(whole, lambda part: _keywords(lark, literals, part))
        case TaggedArguments():
            return _each(whole, Tags(lark, form).members)
        case NestedTagArguments():
            return _each(whole, NestedTags(lark, form).members)


def _each(whole: SchemaPart, body_of: Callable[[SchemaPart], str]) -> str:
    """What arguments look like, for each of the objects that they may be."""
    parts = whole.alternatives()
    for part in parts:
        refuse_unknown(part)
        if part.kind not in ("object", None):
            raise ValueError('arguments are an object: its type must be "object"')
    return either([body_of(part) for part in parts])


def _keywords(lark: Lark, literals: Literals, part: SchemaPart) -> str:
    members = [
        Member(f"{lark.fixed(name + '=')} {literals.value(member)}", name in part.required)
        for name, member in part.properties.items()
    ]
    if part.others is not None:
        other = f'/[A-Za-z_][A-Za-z0-9_]{{0,63}}/ "=" {literals.value(part.others)}'
        members.append(Member(other, is_required=False, is_repeated=True))
    return in_order(lark, members, ", ")
