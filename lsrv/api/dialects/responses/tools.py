"""Tools and the choice of them in Responses' words, which are flat, as those of chats. Pure.

A custom tool, which takes any text, is shown as a function of one text. Tools that somebody else would have to run
(web search, code interpreters) are left out, each with a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from lsrv.api.dialects.fields.tools import Tool, name_of
from lsrv.api.dialects.openai.tool_choice import (
    AllowedTools,
    Named,
    ToolChoiceField,
    ToolName,
    ToolsToCall,
    tool_use_of,
)
from lsrv.api.dialects.responses.body import FlatToolChoice, FlatToolChoiceField, InputBody
from lsrv.echo import echo
from lsrv.errors import RequestError
from lsrv.protocol.commands import ToolUse

_CHOSEN = ("function", "custom")
_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")
_INPUT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


@dataclass(frozen=True, slots=True)
class OfferedTools:
    """`use` is what the model is told; `custom`: names of tools whose calls are texts; `notes`: what was left out."""

    use: ToolUse | None
    custom: frozenset[str]
    notes: tuple[str, ...]


def offered_tools(body: InputBody) -> OfferedTools:
    """Raises RequestError that names the place of what is wrong."""
    tools: list[object] = []
    places: list[int] = []
    custom: set[str] = set()
    notes: list[str] = []
    for i, given in enumerate(body.tools or []):
        tool = _nested(given, i)
        if tool is None:
            notes.append(f"tools[{i}]: {_kind(given)!r} is no tool that this server runs, and was left out")
            continue
        if _kind(given) == "custom":
            custom.add(str(tool["function"]["name"]))
            notes += _grammar_note(given, i)
        tools.append(tool)
        places.append(i)
    try:
        use = tool_use_of(tools, _choice(body.tool_choice, tools), is_parallel=body.parallel_tool_calls)
    except RequestError as error:
        raise _in_their_words(error, places) from None
    return OfferedTools(use, frozenset(custom), tuple(notes))


def _nested(given: object, at: int) -> dict[str, Tool] | None:
    """The tool as chats have it; None: nobody here could run it."""
    if not isinstance(given, dict):
        raise RequestError(f"tools[{at}] must be an object, with type and name.", param=f"tools[{at}]")
    fields = cast("dict[str, object]", given)
    kind = fields.get("type", "function")
    if kind == "function":
        function = fields.get("function")  # some clients send what they send to chats
        flat = cast("Tool", function) if isinstance(function, dict) else fields
        return _tool({key: flat[key] for key in _FUNCTION_FIELDS if flat.get(key) is not None})
    if kind == "custom":
        return _tool({"name": fields.get("name"), "description": _custom_description(fields), "parameters": _INPUT})
    return None


def _tool(function: Tool) -> dict[str, Tool]:
    return cast("dict[str, Tool]", {"type": "function", "function": function})


def _kind(given: object) -> str:
    return echo(str(cast("dict[str, object]", given).get("type", "function")))


def _custom_description(fields: dict[str, object]) -> str:
    """With the grammar of its text, if it has one: a model can but read that."""
    description = fields.get("description")
    said = description if isinstance(description, str) else ""
    grammar = _definition(fields)
    return f"{said}\n\nIts input follows this grammar:\n{grammar}".strip() if grammar else said


def _definition(fields: dict[str, object]) -> str:
    form = fields.get("format")
    definition = cast("dict[str, object]", form).get("definition") if isinstance(form, dict) else None
    return definition if isinstance(definition, str) else ""


def _grammar_note(given: object, at: int) -> list[str]:
    has_grammar = bool(_definition(cast("dict[str, object]", given)))
    return [f"tools[{at}].format: the model is shown the grammar, and not bound by it"] if has_grammar else []


def _choice(choice: FlatToolChoiceField | None, tools: list[object]) -> ToolChoiceField | None:
    if not isinstance(choice, FlatToolChoice):
        return choice
    if choice.type == "allowed_tools":
        allowed = [ToolName(Named(tool.name or "")) for tool in choice.tools if tool.type in _CHOSEN]
        return ToolsToCall("allowed_tools", allowed_tools=AllowedTools(allowed, choice.mode))
    if choice.type in _CHOSEN:
        return ToolsToCall("function", function=Named(choice.name or ""))
    raise RequestError(
        f"tool_choice is of type {echo(choice.type)!r}; this server runs no such tool. There are: "
        f"{echo(', '.join(name_of(cast('Tool', tool)) for tool in tools)) or 'none'}.",
        param="tool_choice",
    )


def _in_their_words(error: RequestError, places: list[int]) -> RequestError:
    """Places as they are in this API: without `function`, and counted with what was left out."""
    param = error.param or "tools"
    place = param.replace(".function", "").replace(".allowed_tools", "")
    head, bracket, rest = place.partition("tools[")
    if bracket and not head:
        number, _, tail = rest.partition("]")
        place = f"tools[{places[int(number)]}]{tail}"
    return RequestError(error.message.replace(param, place), param=place)
