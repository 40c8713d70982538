"""From a client's grammar to what llguidance compiles. Knows no vocabulary."""

from __future__ import annotations

import json

from llguidance import LLMatcher

from lsrv.engine.grammar.gbnf import lark_of_gbnf
from lsrv.engine.grammar.json_schema import check_schema
from lsrv.engine.grammar.refusal import refusal
from lsrv.engine.grammar.remarks import drop_remarks
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


def _json_source(schema: str) -> str:
    """White space is what models write by themselves. With one way to write it most of a document is forced."""
    check_schema(schema)
    document: object = json.loads(schema)
    if drop_remarks(document):
        schema = json.dumps(document, ensure_ascii=False)
    return LLMatcher.grammar_from_json_schema(
        schema,
        overrides={
            "whitespace_flexible": False,
            "item_separator": ", ",
            "key_separator": ": ",
            "lenient": False,
        },
    )
