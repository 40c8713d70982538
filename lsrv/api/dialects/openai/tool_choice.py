"""Which tools an answer may call, in OpenAI's words of today and of before. Pure.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-tool_choice
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsrv.api.dialects.fields.tools import checked_functions, checked_tools, name_of
from lsrv.echo import echo
from lsrv.errors import RequestError
from lsrv.protocol.commands import ToolUse


class Named(msgspec.Struct):
    name: str


class ToolName(msgspec.Struct):
    """A tool by its name, as a choice and in a list of allowed ones."""

    function: Named
    type: Literal["function"] = "function"


class AllowedTools(msgspec.Struct):
    tools: list[ToolName]
    mode: Literal["auto", "required"] = "auto"


class ToolsToCall(msgspec.Struct):
    """`{"type": "function", "function": {"name"}}`, or of type allowed_tools with `{"mode", "tools"}`."""

    type: Literal["function", "allowed_tools"] = "function"
    function: Named | None = None
    allowed_tools: AllowedTools | None = None


ToolChoiceField = Literal["none", "auto", "required"] | ToolsToCall
FunctionList = Annotated[list[object], Meta(extra_json_schema={"description": "The old word for tools."})]
FunctionCallField = Literal["none", "auto"] | Named  # the old word for tool_choice


def tool_use_of(given: list[object], choice: ToolChoiceField | None, *, is_parallel: bool | None) -> ToolUse | None:
    """What an answer may call; None: nothing. A named tool is called once unless `is_parallel`. Raises RequestError."""
    tools = checked_tools(given)
    names = [name_of(tool) for tool in tools]
    if isinstance(choice, ToolsToCall) and choice.type == "function":
        return ToolUse(tools=tools, names=_named(choice, names), choice="required", is_parallel=bool(is_parallel))
    if isinstance(choice, ToolsToCall):
        mode, names = _allowed(choice.allowed_tools, names)
        return ToolUse(tools=tools, names=names, choice=mode, is_parallel=is_parallel is not False)
    if choice == "required" and not tools:
        raise RequestError("tool_choice is required, and there are no tools.", param="tool_choice")
    if choice == "none" or not tools:
        return None
    return ToolUse(tools=tools, names=names, choice=choice or "auto", is_parallel=is_parallel is not False)


def function_use_of(functions: list[object], choice: FunctionCallField | None) -> ToolUse | None:
    """The same in the old words: one call at most, for the answer has room for no more. Raises RequestError."""
    tools = checked_functions(functions)
    names = [name_of(tool) for tool in tools]
    if choice == "none":
        return None
    if not isinstance(choice, Named):
        return ToolUse(tools=tools, names=names, is_parallel=False)
    _check_known(choice.name, names, "function_call.name")
    return ToolUse(tools=tools, names=[choice.name], choice="required", is_parallel=False)


def _named(choice: ToolsToCall, names: list[str]) -> list[str]:
    if choice.function is None:
        raise RequestError("tool_choice of type function needs function.name.", param="tool_choice.function")
    _check_known(choice.function.name, names, "tool_choice.function.name")
    return [choice.function.name]


def _allowed(allowed: AllowedTools | None, names: list[str]) -> tuple[Literal["auto", "required"], list[str]]:
    param = "tool_choice.allowed_tools"
    if allowed is None or not allowed.tools:
        raise RequestError(f"{param}.tools must name at least one tool.", param=f"{param}.tools")
    for i, tool in enumerate(allowed.tools):
        _check_known(tool.function.name, names, f"{param}.tools[{i}].function.name")
    wanted = {tool.function.name for tool in allowed.tools}
    return allowed.mode, [name for name in names if name in wanted]


def _check_known(name: str, names: list[str], param: str) -> None:
    if name not in names:
        known = echo(", ".join(names)) or "none"
        raise RequestError(f"{param} is {echo(name)!r}, which no tool is called; there are: {known}.", param=param)
