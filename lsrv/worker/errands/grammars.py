"""What the child makes of grammars: one source of all that an answer may hold, tried. Only for a child process."""

from __future__ import annotations

import json
from typing import cast

from msgspec.structs import replace

from lsrv.chat.binding.answer import DOCUMENT, answer_grammar
from lsrv.chat.binding.binding import Binding
from lsrv.chat.binding.calls import parameters_param
from lsrv.engine.grammar.json_schema import check_schema
from lsrv.engine.grammar.refusal import refusal
from lsrv.engine.grammar.remarks import drop_remarks
from lsrv.engine.grammar.source import llguidance_source
from lsrv.engine.grammar.trial import tried
from lsrv.errors import GrammarError
from lsrv.protocol.commands import Grammar
from lsrv.worker.errands.errand import Compile

_MAX_TOOLS_BYTES = 512 * 1024


def source_of(errand: Compile) -> str:
    """What llguidance makes a matcher of, after that was survived. Raises GrammarError that names who is at fault."""
    document = None if errand.grammar is None else llguidance_source(errand.grammar)
    if errand.binding is None:
        assert document is not None
        tried(document, errand.param)
        return document
    tool_use = errand.binding.tool_use
    binding = replace(errand.binding, tool_use=tool_use and replace(tool_use, tools=_checked(tool_use.tools)))
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


def _checked(tools: list[dict[str, object]]) -> list[dict[str, object]]:
    """Tools whose schemas say nothing but what binds. Raises GrammarError for what can't be kept to the letter."""
    return [
        tool | {"function": _checked_function(tool["function"], parameters_param(at))} for at, tool in enumerate(tools)
    ]


def _checked_function(function: object, param: str) -> dict[str, object]:
    fields = cast("dict[str, object]", function)
    source = json.dumps(fields.get("parameters"))
    try:
        check_schema(source)
    except ValueError as error:
        raise refusal(param, str(error)) from error
    parameters: object = json.loads(source)
    drop_remarks(parameters)
    return fields | {"parameters": parameters}


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
