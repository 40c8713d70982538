"""What an answer tells of tools that the server itself asks for the model. Frozen values; no worker sends them."""

from __future__ import annotations

import msgspec


class ToolListing(msgspec.Struct, frozen=True, array_like=True, tag="listing"):
    """What one server of tools offers to the model: `name`, `description` and `input_schema` (JSON Schema) of each.

    `error`: why there is nothing of it.
    """

    server: str
    tools: list[dict[str, object]]
    error: str = ""


class ToolRun(msgspec.Struct, frozen=True, array_like=True, tag="run"):
    """One call of such a tool, told twice: when it begins (`output` is None), and when it is over."""

    id: str
    server: str
    name: str  # by which its server knows it
    arguments: str  # a JSON text, as the model wrote it
    output: str | None = None
    is_error: bool = False


ToolNews = ToolListing | ToolRun


class ToolOutput(msgspec.Struct, frozen=True):
    """What a tool said, as text for the model."""

    text: str
    is_error: bool = False


class ToolOwner(msgspec.Struct, frozen=True):
    """Who runs a tool, and what it is called there."""

    server: str
    name: str
