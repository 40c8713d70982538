"""What the child makes of grammars: one source of all that an answer may hold, tried. Only for a child process."""

from __future__ import annotations

import json
from typing import cast

from msgspec.structs import replace

from lsrv.chat.binding.answer import DOCUMENT, answer_grammar
from lsrv.chat.binding.binding import Binding
from lsrv.chat.binding.calls import parameters_param
from lsrv.engine.grammar.refusal import refusal
from lsrv.engine.grammar.schema.guidance import guided
from lsrv.engine.grammar.schema.kept import kept_schema
from lsrv.engine.grammar.source import llguidance_source
from lsrv.engine.grammar.trial import tried
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar, ToolUse
from lsrv.worker.errands.errand import Compile

_MAX_TOOLS_BYTES = 512 * 1024


def source_of(errand: Compile) -> str:
    """What llguidance makes a matcher of, after that was survived. Raises GrammarError that names who is at fault."""
    document = None if errand.grammar is None else llguidance_source(errand.grammar)
    if errand.binding is None:
        assert document is not None
        tried(document, errand.param)
        return document
    binding = replace(errand.binding, tool_use=_kept_tools(errand.binding.tool_use))
    try:
        return _bound(binding, document, errand.param)
    except GrammarError:
        _blame(binding, document, errand.grammar)
        raise


def _bound(binding: Binding, document: str | None, param: str) -> str:
    source = answer_grammar(binding, None if document is None else _grammars(document))
    if len(source.encode()) > _MAX_TOOLS_BYTES:
        raise refusal(param, f"as a grammar it is longer than {_MAX_TOOLS_BYTES // 1024} KiB")
    tried(source, param)
    return source


def _grammars(source: str) -> list[dict[str, object]]:
    """The grammars of a source, the first of them under the name that the answer's calls it by."""
    if not source.lstrip().startswith("{"):
        return [{"name": DOCUMENT, "lark_grammar": source}]
    grammars = cast("list[dict[str, object]]", json.loads(source)["grammars"])
    return [grammars[0] | {"name": DOCUMENT}, *grammars[1:]]


def _kept_tools(tool_use: ToolUse | None) -> ToolUse | None:
    """The tools with parameters that can be kept."""
    if tool_use is None:
        return None
    return replace(tool_use, tools=[_kept_tool(at, tool) for at, tool in enumerate(tool_use.tools)])


def _kept_tool(at: int, tool: dict[str, object]) -> dict[str, object]:
    function = cast("dict[str, object]", tool["function"])
    if not function.get("parameters"):
        return tool
    try:
        schema = kept_schema(json.dumps(function["parameters"]))
    except ValueError as error:
        raise refusal(parameters_param(at), str(error)) from error
    parameters = schema if isinstance(schema, bool) else guided(schema)
    return tool | {"function": function | {"parameters": parameters}}


def _blame(binding: Binding, document: str | None, grammar: Grammar | None) -> None:
    """Raise the error of the one part that can't be compiled by itself, if it is one."""
    if document is not None and grammar is not None:
        tried(document, grammar.param)
    tool_use = binding.tool_use
    for at, tool in enumerate(tool_use.tools if tool_use is not None else []):
        name = cast("dict[str, str]", tool["function"])["name"]
        if tool_use is not None and name in tool_use.names:
            alone = replace(binding, tool_use=replace(tool_use, names=[name]))
            tried(answer_grammar(alone, None), parameters_param(at))
