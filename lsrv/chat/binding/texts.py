"""What a schema asks of a text, as bodies of terminals. Pure."""

from __future__ import annotations

from lsrv.chat.binding.lark import pattern
from lsrv.chat.binding.schema import SchemaPart

# What a reader takes for something else than a text, where the parameter may be something else.
UNLIKE_VALUES = (
    r"~/\s*(null|true|false|None|True|False)\s*/",
    r"""~/\s*[-0-9\[{"'](?s:.*)/""",
)


def only(part: SchemaPart) -> list[str]:
    """Bodies of terminals, all of which match the texts of a schema: those of its length and its pattern.

    `format` is a remark to JSON Schema, and none of them.
    """
    bodies: list[str] = []
    shortest, longest = part.schema.get("minLength"), part.schema.get("maxLength")
    if shortest is not None or longest is not None:
        bodies.append(f"/(?s:.){{{int(str(shortest or 0))},{'' if longest is None else int(str(longest))}}}/")
    expression = part.schema.get("pattern")
    if isinstance(expression, str):
        bodies.append(pattern(_whole(expression)))
    return bodies


def _whole(expression: str) -> str:
    """A pattern that matches somewhere in a text, as one that matches all of it."""
    start = "" if expression.startswith("^") else "(?s:.*)"
    is_ended = expression.endswith("$") and not expression.endswith("\\$")
    end = "" if is_ended else "(?s:.*)"
    return f"{start}(?:{expression[0 if start else 1 : -1 if is_ended else None]}){end}"
