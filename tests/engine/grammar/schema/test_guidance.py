"""White space of answers: one way where keys are forced, a bounded choice where they are free, or the client's own."""

from __future__ import annotations

import pytest
from llguidance import LLMatcher, LLTokenizer

from lsrv.engine.grammar.source import llguidance_source
from lsrv.protocol.commands import Grammar

FORCED = '{"properties": {"a": {"enum": [1]}}, "required": ["a"]}'
FREE = '{"type": "object"}'
OWN = '{"type": "object", "x-guidance": {"whitespace_flexible": false}}'


def fits(schema: str, text: str) -> bool:
    source = llguidance_source(Grammar("json_schema", schema, "response_format"))
    tokens = list(text.encode())
    return LLMatcher(LLTokenizer("byte"), source, log_level=0).validate_tokens(tokens) == len(tokens)


@pytest.mark.parametrize(
    ("schema", "text", "is_allowed"),
    [
        (FORCED, '{"a": 1}', True),
        (FORCED, '{\n"a": 1}', False),
        (FREE, '{\n  "a": [\n    1,\n    2\n  ]\n}', True),
        (FREE, '{"a": 1, "b": 2}', True),
        (FREE, '{\n\n"a": 1}', False),
        (FREE, "{\n" + " " * 25, False),
        (OWN, '{"a":1}', True),
        (OWN, '{"a": 1}', False),
    ],
)
def test_white_space_is_free_and_bounded_where_keys_are(schema: str, text: str, is_allowed: bool) -> None:
    assert fits(schema, text) == is_allowed
