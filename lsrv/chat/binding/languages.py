"""The languages that arguments are written in where they are no JSON. Pure."""

from __future__ import annotations

from lsrv.chat.binding.lark import Lark, quoted
from lsrv.chat.binding.literals import Spelling
from lsrv.chat.binding.schema import SchemaPart
from lsrv.chat.binding.texts import only

_ANY_NAME = r"/[A-Za-z_][A-Za-z0-9_]{0,63}/"
# Escapes that mean the same in Python and in JSON.
_PYTHON_TEXT = r"""/'([^'\\\x00-\x1f\x7f]|\\['"\\nrt])*'/ | /"([^"\\\x00-\x1f\x7f]|\\['"\\nrt])*"/"""
_PLAIN = r"/[^'\\\x00-\x1f\x7f]*/"


def python(lark: Lark) -> Spelling:
    """Python's literals, as `repr` writes them."""

    def text(part: SchemaPart) -> str:
        bodies = only(part)
        if not bodies:
            return lark.terminal(_PYTHON_TEXT)
        return lark.terminal(" & ".join(f'("\'" {each} "\'")' for each in [_PLAIN, *bodies]))

    return Spelling(
        text=text,
        value=lambda value: quoted(repr(value)),
        key=repr,
        any_key=lark.terminal(f'"\'" {_ANY_NAME} "\'"'),
        true="True",
        false="False",
        null="None",
        comma=", ",
        colon=": ",
    )


def bare(lark: Lark, quote: str) -> Spelling:
    """Objects whose keys have no quotes, and whose texts stand between `quote`."""
    opens = lark.fixed(quote)
    return Spelling(
        text=lambda part: f"{opens} {lark.until(quote, only(part))}",
        value=lambda value: lark.fixed(quote, value, quote),
        key=lambda key: key,
        any_key=lark.terminal(_ANY_NAME),
        true="true",
        false="false",
        null="null",
        comma=",",
        colon=":",
    )
