"""From a client's grammar to what llguidance compiles. Knows no vocabulary."""

from __future__ import annotations

import json

from llguidance import LLMatcher

from lsrv.engine.grammar.gbnf import lark_of_gbnf
from lsrv.engine.grammar.refusal import refusal
from lsrv.engine.grammar.schema.guidance import guided
from lsrv.engine.grammar.schema.kept import kept_schema
from lsrv.protocol.commands import Grammar

_MAX_SOURCE_BYTES = 256 * 1024


def llguidance_source(grammar: Grammar) -> str:
    """`grammar` as llguidance takes it. Raises GrammarError; what only its compiler can find is not found here."""
    if len(grammar.source.encode()) > _MAX_SOURCE_BYTES:
        raise refusal(grammar.param, f"it is longer than {_MAX_SOURCE_BYTES // 1024} KiB")
    try:
        return _source(grammar)
    except ValueError as error:
        raise refusal(grammar.param, str(error)) from error


def _source(grammar: Grammar) -> str:
    match grammar.kind:
        case "json_schema":
            return _json_source(grammar.source)
        case "regex":
            return LLMatcher.grammar_from_regex(grammar.source)
        case "lark":
            return LLMatcher.grammar_from_lark(grammar.source)
        case "gbnf":
            return LLMatcher.grammar_from_lark(lark_of_gbnf(grammar.source))
        case "llguidance":
            return grammar.source


def _json_source(source: str) -> str:
    schema = kept_schema(source)
    return json.dumps({"grammars": [{"json_schema": schema if isinstance(schema, bool) else guided(schema)}]})
