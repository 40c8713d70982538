"""What a server says of its tools, as a model may be shown it. Pure: nothing of it is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

_NAME = re.compile(r"[\w.:/-]{1,128}")
_MAX_TOOLS = 256  # of one server
_MAX_DESCRIPTION_CHARS = 8192
_MAX_SCHEMA_BYTES = 64 * 1024
_MAX_DEPTH = 32

InputSchema = dict[str, object]


class SaidTool(Protocol):
    """A tool as the SDK has it."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def input_schema(self) -> InputSchema: ...


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """`shown` is what models call it, `name` what its server does."""

    shown: str
    name: str
    description: str
    input_schema: InputSchema

    def for_model(self) -> dict[str, object]:
        """OpenAI's form of it."""
        function = {"name": self.shown, "description": self.description, "parameters": self.input_schema}
        return {"type": "function", "function": function}

    def for_client(self) -> dict[str, object]:
        return {"name": self.name, "description": self.description, "input_schema": self.input_schema}


@dataclass(frozen=True, slots=True)
class ServerOffer:
    """`left_out`: why some tools are not among them, a sentence each."""

    tools: tuple[OfferedTool, ...]
    left_out: tuple[str, ...]


def offer_of(said: Sequence[SaidTool], prefix: str, allowed: Sequence[str]) -> ServerOffer:
    """The tools of one server. `allowed`: names of those that may be used; empty: all."""
    tools: dict[str, OfferedTool] = {}
    left_out: list[str] = []
    for tool in said:
        if allowed and tool.name not in allowed:
            continue
        shown = prefix + tool.name
        if problem := _problem(tool, shown, tools):
            left_out.append(f"{tool.name[:128]!r}: {problem}")
        else:
            description = (tool.description or "")[:_MAX_DESCRIPTION_CHARS]
            tools[shown] = OfferedTool(shown, tool.name, description, _schema(tool.input_schema))
    missing = [name for name in allowed if name not in {tool.name for tool in said}]
    return ServerOffer(tuple(tools.values()), (*left_out, *(f"{name!r}: there is no such tool" for name in missing)))


def _problem(tool: SaidTool, shown: str, known: dict[str, OfferedTool]) -> str:
    if not _NAME.fullmatch(shown):
        return "its name is not 1 to 128 letters, digits and any of _ - . : /"
    if shown in known:
        return "another tool has the same name"
    if len(known) >= _MAX_TOOLS:
        return f"there are more than {_MAX_TOOLS}"
    if tool.input_schema.get("type", "object") != "object":
        return "its arguments are no object"
    if _depth(tool.input_schema) > _MAX_DEPTH:
        return "its schema is nested too deeply"
    if len(msgspec.json.encode(tool.input_schema)) > _MAX_SCHEMA_BYTES:
        return f"its schema is longer than {_MAX_SCHEMA_BYTES} bytes"
    return ""


def _depth(value: object, limit: int = _MAX_DEPTH + 1) -> int:
    """How deep `value` is nested, as far as `limit`."""
    if limit == 0 or not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]  # JSON
    return 1 + max((_depth(each, limit - 1) for each in inner), default=0)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]  # JSON


def _schema(given: InputSchema) -> InputSchema:
    """With what templates rely on."""
    return {**given, "type": "object", "properties": given.get("properties", {})}
