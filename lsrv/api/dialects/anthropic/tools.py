"""Tools and which of them an answer may call, in Anthropic's words. Pure.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from lsrv.api.dialects.fields.tools import Tool, checked_tools, name_of
from lsrv.echo import echo
from lsrv.errors import RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import ToolUse

# Tools that Anthropic's servers run themselves. Its clients offer them unasked, and do without.
_SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_")
_PLACE = re.compile(r"tools\[(\d+)\]")


class ClientTool(msgspec.Struct):
    """`type`: "custom" or none; others have no schema that a model here could know."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, object] | None = None


class ToolRule(msgspec.Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


def offered_tools(given: list[ClientTool]) -> tuple[list[Tool], tuple[str, ...]]:
    """Tools in OpenAI's words, and a note on each that is left out. Raises RequestError that names the place."""
    places: list[int] = []
    tools: list[object] = []
    notes: list[str] = []
    for i, tool in enumerate(given):
        if tool.type is not None and tool.type.startswith(_SERVER_TOOLS):
            notes.append(f"tools of type {echo(tool.type)}: only Anthropic's own servers run them; left out")
            continue
        _refuse_unknown(tool.type, f"tools[{i}].type")
        places.append(i)
        function = {"name": tool.name, "description": tool.description or "", "parameters": tool.input_schema}
        tools.append({"type": "function", "function": function})
    try:
        return checked_tools(tools), tuple(dict.fromkeys(notes))
    except RequestError as error:
        param = _place_here(error.param or "tools", places)
        raise RequestError(_place_here(error.message, places), param=param) from None


def tool_use_of(tools: list[Tool], rule: ToolRule | None) -> ToolUse | None:
    """What an answer may call; None: nothing. Raises RequestError."""
    names = [name_of(tool) for tool in tools]
    if rule is None:
        return ToolUse(tools=tools, names=names) if tools else None
    if rule.type == "tool":
        names = [_known(rule.name, names)]
    if rule.type == "any" and not tools:
        raise RequestError("tool_choice is any, and there are no tools.", param="tool_choice")
    if rule.type == "none" or not tools:
        return None
    is_parallel = rule.type != "tool" and not rule.disable_parallel_tool_use
    choice = "auto" if rule.type == "auto" else "required"
    return ToolUse(tools=tools, names=names, choice=choice, is_parallel=is_parallel)


def _known(name: str | None, names: list[str]) -> str:
    if name is None:
        raise RequestError("tool_choice of type tool needs a name.", param="tool_choice.name")
    if name not in names:
        known = echo(", ".join(names)) or "none"
        raise RequestError(
            f"tool_choice.name is {echo(name)!r}, which no tool is called; there are: {known}.",
            param="tool_choice.name",
        )
    return name


def _refuse_unknown(kind: str | None, param: str) -> None:
    if kind not in (None, "custom"):
        raise UnsupportedCapabilityError(
            f"{param} is {echo(kind)!r}; only custom tools are known here: give the tool a name and an input_schema.",
            param=param,
        )


def _place_here(text: str, places: list[int]) -> str:
    """A place of a tool in OpenAI's words as the client knows it."""
    text = _PLACE.sub(lambda found: f"tools[{places[int(found[1])]}]", text)
    return text.replace(".function.parameters", ".input_schema").replace(".function", "")
