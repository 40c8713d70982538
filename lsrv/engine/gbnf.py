"""llama.cpp's grammar language, bounded, and in the words of llguidance. Pure.

llama.cpp's own parser and sampler can be made to crash or to hang by a grammar; llguidance's automata can't.
https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import re

from llguidance.gbnf_to_lark import GbnfToLarkError, gbnf_to_lark

_MAX_NESTING = 100
_MAX_RULES = 2000
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)
_CODE_POINT = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")
_ASCII = 0x80


def lark_of_gbnf(source: str) -> str:
    """`source` as a Lark grammar. Raises ValueError that says what is wrong with it, and where it can."""
    _check_size(source)
    try:
        return gbnf_to_lark(_CODE_POINT.sub(_character, source))
    except GbnfToLarkError as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("its rules are nested too deeply") from error
    except Exception as error:
        raise ValueError(str(error)) from error


def _check_size(source: str) -> None:
    bare = _QUOTED.sub("", source)
    depth = deepest = 0
    for character in bare:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _MAX_NESTING:
        raise ValueError(f"it nests groups {deepest} deep; {_MAX_NESTING} are allowed")
    n_rules = bare.count("::=")
    if n_rules > _MAX_RULES:
        raise ValueError(f"it has {n_rules} rules; {_MAX_RULES} are allowed")


def _character(match: re.Match[str]) -> str:
    """An escape that both languages read alike: Lark has no \\u and takes \\x80 and above for bytes."""
    code = int(match[1] or match[2] or match[3], 16)
    if code < _ASCII:
        return f"\\x{code:02x}"
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"{match[0]} is no character")
    return chr(code)
