"""Members of an object in the order of their schema: those that must be there, and those that may. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsrv.chat.binding.lark import Lark, either, quoted


@dataclass(frozen=True, slots=True)
class Member:
    """One member, as the body of a rule. `is_repeated`: any number of them may follow each other."""

    body: str
    is_required: bool
    is_repeated: bool = False


def in_order(lark: Lark, members: Sequence[Member], between: str) -> str:
    """The body of a rule for these members, with the text `between` each two of them."""
    first, later = '""', '""'  # what may stand from here on, with no member before it, and behind one
    gap = f"{quoted(between)} " if between else ""
    for member in reversed(members):
        body = lark.rule(member.body)
        again = lark.rule(f"({gap}{body})*") if member.is_repeated else '""'
        here = f"{body} {again} {later}"
        first = lark.rule(here if member.is_required else either([here, first]))
        later = lark.rule(gap + here if member.is_required else either([gap + here, later]))
    return first
