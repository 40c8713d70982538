"""What a model is shown of a toolbox, beside the tools of the client. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec.structs import replace

from lsrv.protocol.commands import Generate, ToolUse

_Tool = dict[str, object]

MAX_TOOLS = 512
_ANY_OBJECT: _Tool = {"type": "object"}


def name_of_tool(tool: _Tool) -> str:
    return cast("dict[str, str]", tool["function"])["name"]


def with_server_tools(command: Generate, tools: Sequence[_Tool], *, is_required: bool) -> Generate:
    """`command` with `tools` that its client does not offer itself; as many as there is room for."""
    if not tools:
        return command
    own = command.tool_use or ToolUse(tools=[], names=[])
    taken = {name_of_tool(tool) for tool in own.tools}
    added = [tool for tool in tools if name_of_tool(tool) not in taken][: MAX_TOOLS - len(own.tools)]
    is_named = own.choice == "required" and len(own.names) < len(own.tools)  # the client wants a call of its own
    use = replace(
        own,
        tools=[*own.tools, *added],
        names=own.names if is_named else [*own.names, *map(name_of_tool, added)],
        choice="required" if is_required else own.choice,
    )
    return replace(command, tool_use=use)


def with_loose_arguments(tools: Sequence[_Tool]) -> list[_Tool]:
    """`tools` whose calls may hold any object: for schemas that no answer can be bound to."""
    return [{**tool, "function": {**cast("_Tool", tool["function"]), "parameters": _ANY_OBJECT}} for tool in tools]
