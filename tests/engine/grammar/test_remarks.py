"""Schemas as other programs write them: what binds nothing is no reason to refuse one."""

from __future__ import annotations

import json

import pytest
from llguidance import LLTokenizer

from lsrv.engine.grammar.matcher import matcher_of
from lsrv.engine.grammar.schema.kept import kept_schema
from lsrv.engine.grammar.source import llguidance_source
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar

TEXT = {"type": "string"}


def compile_schema(schema: object) -> None:
    source = llguidance_source(Grammar("json_schema", json.dumps(schema), "response_format"))
    matcher_of(LLTokenizer("byte"), source, "response_format")


@pytest.mark.parametrize("word", ["int64", "binary", "password", "path", "uri-reference", "regex", "cuid"])
def test_a_format_that_is_not_known_is_a_remark(word: str) -> None:
    compile_schema({"type": "object", "properties": {"a": TEXT | {"format": word}}})


@pytest.mark.parametrize(
    "said",
    [{"propertyNames": TEXT}, {"uniqueItems": False}, {"unevaluatedProperties": True}, {"dependentRequired": {}}],
)
def test_a_keyword_that_forbids_nothing_is_one(said: dict[str, object]) -> None:
    compile_schema({"type": "object", "properties": {"a": TEXT}} | said)


@pytest.mark.parametrize(
    "said", [{"propertyNames": {"pattern": "^a"}}, {"uniqueItems": True}, {"dependentRequired": {"a": ["b"]}}]
)
def test_one_that_forbids_something_is_refused_by_its_name(said: dict[str, object]) -> None:
    with pytest.raises(GrammarError, match=f"at #/{next(iter(said))}: ") as refused:
        compile_schema({"type": "object", "properties": {"a": TEXT}} | said)
    assert "\n" not in str(refused.value), "no dump of what was made of it"


def test_names_of_properties_and_plain_values_are_no_keywords() -> None:
    schema = {"properties": {"format": {"const": {"format": "int64"}}, "uniqueItems": TEXT}}
    assert kept_schema(json.dumps(schema)) == schema | {"additionalProperties": False}


def test_formats_that_are_known_still_bind() -> None:
    schema = {"type": "string", "format": "date"}
    assert kept_schema(json.dumps(schema)) == schema
