"""A call of a tool, whatever the way a model writes it."""

from __future__ import annotations

import msgspec

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


class ToolCall(msgspec.Struct, frozen=True):
    """`id`: empty where nobody gave one."""

    name: str
    arguments: dict[str, JsonValue]
    id: str = ""
