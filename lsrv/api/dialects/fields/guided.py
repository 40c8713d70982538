"""Fields of other servers that bind an answer: vLLM's, and Ollama's `format`.

https://docs.vllm.ai/en/latest/features/structured_outputs.html
"""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.fields.grammar import FormatField, SchemaJson, any_object, format_grammar, schema_grammar
from lsrv.api.dialects.fields.sampling import SamplingFields
from lsrv.errors import RequestError
from lsrv.protocol.commands import Grammar, GrammarKind


class StructuredOutputs(msgspec.Struct):
    """One field that says all."""

    json: SchemaJson = msgspec.field(default_factory=msgspec.Raw)
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None
    json_object: bool | None = None


class GuidedFields(SamplingFields, kw_only=True):
    """What a body says of samplers, and of an answer's form. A schema may be a text that holds one."""

    guided_json: SchemaJson = msgspec.field(default_factory=msgspec.Raw)
    guided_regex: str | None = None
    guided_choice: list[str] | None = None
    guided_grammar: str | None = None
    structured_outputs: StructuredOutputs | None = None
    format: FormatField = msgspec.field(default_factory=msgspec.Raw)


def guided_of(body: GuidedFields) -> list[Grammar]:
    """What the fields bind an answer to. Raises RequestError."""
    found = _bound(body.guided_json, body.guided_regex, body.guided_choice, body.guided_grammar, "guided_")
    outputs = body.structured_outputs
    if outputs is not None:
        found += _bound(outputs.json, outputs.regex, outputs.choice, outputs.grammar, "structured_outputs.")
        found += [any_object("structured_outputs.json_object")] if outputs.json_object else []
    form = format_grammar(body.format)
    return found if form is None else [*found, form]


def _bound(
    schema: msgspec.Raw, regex: str | None, choice: list[str] | None, grammar: str | None, prefix: str
) -> list[Grammar]:
    found = [
        _schema(schema, f"{prefix}json"),
        None if regex is None else Grammar("regex", regex, f"{prefix}regex"),
        None if choice is None else _choice(choice, f"{prefix}choice"),
        None if grammar is None else Grammar(_kind(grammar), grammar, f"{prefix}grammar"),
    ]
    return [each for each in found if each is not None]


def _schema(given: msgspec.Raw, param: str) -> Grammar | None:
    if not bytes(given).lstrip().startswith(b'"'):
        return schema_grammar(given, param)
    return schema_grammar(msgspec.Raw(msgspec.json.decode(given, type=str).encode()), param)


def _choice(texts: list[str], param: str) -> Grammar:
    if not texts:
        raise RequestError(f"{param} has no texts to choose from; name one at least.", param=param)
    quoted = " | ".join(msgspec.json.encode(each).decode() for each in texts)
    return Grammar("lark", f"start: {quoted}", param)


def _kind(grammar: str) -> GrammarKind:
    """GBNF, of which each line says what a name stands for with ::=, or Lark."""
    return "gbnf" if "::=" in grammar else "lark"
