"""The fields that say what an answer must look like, in the words of several servers, and what they become.

https://platform.openai.com/docs/guides/structured-outputs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsrv.errors import RequestError
from lsrv.protocol.commands import Grammar, GrammarKind

SchemaJson = Annotated[msgspec.Raw, Meta(extra_json_schema={"description": "A JSON Schema."})]  # no bytes: not given
FormatField = Annotated[msgspec.Raw, Meta(extra_json_schema={"description": '"json", or a JSON Schema.'})]
_ANY_OBJECT = '{"type": "object"}'
_MAX_SCHEMA_BYTES = 256 * 1024


class JsonSchemaFormat(msgspec.Struct):
    """`strict` changes nothing: a schema is always kept to the letter, or refused."""

    schema: SchemaJson = msgspec.field(default_factory=msgspec.Raw)
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchemaFormat | None = None
    schema: SchemaJson = msgspec.field(default_factory=msgspec.Raw)  # llama.cpp's place for it


class GrammarItem(msgspec.Struct):
    type: GrammarKind
    value: msgspec.Raw


def grammar_of(
    response_format: ResponseFormat | None,
    json_schema: msgspec.Raw,
    grammar: str | GrammarItem | None,
    others: Sequence[Grammar] = (),
) -> Grammar | None:
    """What the answer is bound to; None: nothing. Raises RequestError, also where two fields bind it.

    `others`: what fields of other servers bind it to.
    """
    own = (_of_format(response_format), schema_grammar(json_schema, "json_schema"), _of_grammar(grammar))
    found = [each for each in (*own, *others) if each is not None]
    if len(found) > 1:
        params = " and ".join(each.param.partition(".")[0] for each in found)
        raise RequestError(f"{params} both say what the answer must look like; keep one.", param=found[1].param)
    return found[0] if found else None


def _of_format(given: ResponseFormat | None) -> Grammar | None:
    if given is None or given.type == "text":
        return None
    if given.type == "json_schema":
        if given.json_schema is not None and _is_given(given.json_schema.schema):
            return schema_grammar(given.json_schema.schema, "response_format.json_schema.schema")
        if _is_given(given.schema):
            return schema_grammar(given.schema, "response_format.schema")
        raise RequestError(
            "response_format of type json_schema needs json_schema.schema.", param="response_format.json_schema"
        )
    if _is_given(given.schema):
        return schema_grammar(given.schema, "response_format.schema")
    return any_object("response_format")


def any_object(param: str) -> Grammar:
    """Any JSON object at all."""
    return Grammar("json_schema", _ANY_OBJECT, param)


def format_grammar(given: msgspec.Raw) -> Grammar | None:
    """What Ollama's `format` binds an answer to; None: it is not given. Raises RequestError."""
    raw = bytes(given).strip()
    if raw in (b"", b"null", b'""'):
        return None
    if raw == b'"json"':
        return any_object("format")
    if not raw.startswith(b"{"):
        raise RequestError('format must be "json" or a JSON Schema, an object.', param="format")
    return schema_grammar(given, "format")


def schema_grammar(schema: msgspec.Raw, param: str) -> Grammar | None:
    """What binds an answer to `schema`; None: it is not given. Raises RequestError."""
    if not _is_given(schema):
        return None
    source = bytes(schema)
    if len(source) > _MAX_SCHEMA_BYTES:
        raise RequestError(f"{param} is longer than {_MAX_SCHEMA_BYTES // 1024} KiB.", param=param)
    if not source.lstrip().startswith(b"{"):
        raise RequestError(f"{param} must be an object.", param=param)
    return Grammar("json_schema", source.decode(), param)


def _of_grammar(given: str | GrammarItem | None) -> Grammar | None:
    if not given:
        return None
    if isinstance(given, str):
        return Grammar("gbnf", given, "grammar")
    if given.type == "json_schema":
        return schema_grammar(given.value, "grammar.value")
    if given.type == "llguidance" and not bytes(given.value).lstrip().startswith(b'"'):
        return Grammar("llguidance", bytes(given.value).decode(), "grammar.value")
    try:
        return Grammar(given.type, msgspec.json.decode(given.value, type=str), "grammar.value")
    except msgspec.DecodeError as error:
        raise RequestError(f"grammar.value must be a string for type {given.type}.", param="grammar.value") from error


def _is_given(value: msgspec.Raw) -> bool:
    return bytes(value).strip() not in (b"", b"null")
