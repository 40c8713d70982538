"""llama.cpp's grammar language, bounded, and in the words of llguidance. Pure.

llama.cpp's own parser and sampler can be made to crash or to hang by a grammar; llguidance's automata can't. Its own
converter reads any group of a repetition wrong, and every rule greedily, so that `[a-z]+ "b"` may never end.
https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from lsrv.engine.grammar.gbnf.lark import lark_of_rules
from lsrv.engine.grammar.gbnf.parser import parse_gbnf


def lark_of_gbnf(source: str) -> str:
    """`source` as a Lark grammar. Raises ValueError that says what is wrong with it, and where."""
    return lark_of_rules(parse_gbnf(source))
