"""The tools that a request offers, as OpenAI's chat API writes them, checked. Pure.

Each stays the object that was sent: a template writes what is in it, in its order.
https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from __future__ import annotations

import re
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from lsrv.api.http.body import check_plain
from lsrv.echo import echo
from lsrv.errors import RequestError, UnsupportedCapabilityError

MAX_TOOLS = 512
MAX_NAME_CHARS = 128
MAX_TOOLS_BYTES = 1024 * 1024

Tool = dict[str, object]
ToolList = Annotated[
    list[object],
    Meta(
        extra_json_schema={
            "description": '`{"type": "function", "function": {"name", "description", "parameters"}}` each; '
            f"at most {MAX_TOOLS}."
        }
    ),
]

_NAME = re.compile(rf"[\w.:/-]{{1,{MAX_NAME_CHARS}}}")


def checked_tools(tools: list[object], param: str = "tools") -> list[Tool]:
    """`tools` with what templates rely on. Raises RequestError that names the place of what is wrong."""
    if len(tools) > MAX_TOOLS:
        raise RequestError(f"{param} holds {len(tools)} tools; at most {MAX_TOOLS} are allowed.", param=param)
    check_plain(tools, param)
    if len(msgspec.json.encode(tools)) > MAX_TOOLS_BYTES:
        raise RequestError(f"{param} is longer than {MAX_TOOLS_BYTES // 1024} KiB.", param=param)
    checked = [_tool(tool, f"{param}[{i}]") for i, tool in enumerate(tools)]
    _refuse_doubles([name_of(tool) for tool in checked], param, ".function.name")
    return checked


def checked_functions(functions: list[object]) -> list[Tool]:
    """The same of what OpenAI's API had before tools: bare functions, refused by their old place."""
    param = "functions"
    tools = [{"type": "function", "function": function} for function in functions]
    try:
        return checked_tools(cast("list[object]", tools), param)
    except RequestError as error:
        place = (error.param or param).replace(".function", "")
        raise RequestError(error.message.replace(error.param or param, place), param=place) from None


def name_of(tool: Tool) -> str:
    """What a checked tool is called."""
    return cast("dict[str, str]", tool["function"])["name"]


def _tool(tool: object, param: str) -> Tool:
    fields = _object(tool, f"{param} must be an object, with type and function.", param)
    kind = fields.get("type", "function")
    if kind != "function":
        raise UnsupportedCapabilityError(
            f"{param}.type is {echo(str(kind))!r}; only tools of type function are known here.", param=f"{param}.type"
        )
    function = _function(fields.get("function"), f"{param}.function")
    return {**fields, "type": "function", "function": function}


def _function(given: object, param: str) -> dict[str, object]:
    if given is None:
        raise RequestError(f"{param} is missing: it says the tool's name and parameters.", param=param)
    function = _object(given, f"{param} must be an object, with name and parameters.", param)
    _check_name(function.get("name"), f"{param}.name")
    if not isinstance(function.get("description", ""), str | None):
        raise RequestError(f"{param}.description must be a text.", param=f"{param}.description")
    return {**function, "parameters": _parameters(function.get("parameters"), f"{param}.parameters")}


def _check_name(name: object, param: str) -> None:
    if name is None or name == "":
        raise RequestError(f"{param} is missing: calls name the tool that they mean.", param=param)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RequestError(
            f"{param} is {echo(str(name))!r}; it must be 1 to {MAX_NAME_CHARS} letters, digits and any of _ - . : /",
            param=param,
        )


def _parameters(given: object, param: str) -> dict[str, object]:
    """The JSON Schema of a call's arguments. Nothing said means that there are none."""
    schema = {} if given is None else _object(given, f"{param} must be a JSON Schema, an object.", param)
    if not schema:
        return {"type": "object", "properties": {}}
    if schema.get("type", "object") != "object":
        raise RequestError(
            f"{param} must describe an object: its type is {echo(str(schema['type']))!r}, and must be 'object'.",
            param=f"{param}.type",
        )
    return schema


def _object(value: object, complaint: str, param: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RequestError(complaint, param=param)
    return cast("dict[str, object]", value)


def _refuse_doubles(names: list[str], param: str, place: str) -> None:
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if name in first:
            raise RequestError(
                f"{param}[{i}]{place}: {param}[{first[name]}] is called {echo(name)!r}, too; give each its own name.",
                param=f"{param}[{i}]{place}",
            )
        first[name] = i
