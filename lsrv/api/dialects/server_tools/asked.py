"""Tools of the operator's own servers, as requests ask for them. Pure; which servers there are is not known here."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lsrv.protocol.commands import ToolUse
from lsrv.serving.request import ServerTools, WantedServer

McpField = Annotated[
    bool | list[str],
    Meta(
        extra_json_schema={
            "description": "Whose tools the answer may use: names of MCP servers in models.toml, or true for all."
        }
    ),
]
ToolRounds = Annotated[int, Meta(ge=1, le=256)]


def server_tools_of(
    field: bool | list[str] | None,
    more: list[WantedServer],
    *,
    max_rounds: int | None = None,
    is_required: bool = False,
    is_allowed: bool = True,
) -> ServerTools | bool | None:
    """What a request says of them; None: nothing. `is_allowed`: its choice of tools is not "none"."""
    if not is_allowed or field is False:
        return False
    if field is True:
        return ServerTools(is_required=is_required, max_rounds=max_rounds)
    named = [WantedServer(name, None, f"mcp[{i}]") for i, name in enumerate(field or [])]
    if not (named or more):
        return None
    return ServerTools(servers=(*named, *more), is_required=is_required, max_rounds=max_rounds)


def requires_a_call(choice: object) -> bool:
    return choice in ("required", "any")


def is_offered(use: ToolUse | None, choice: object) -> bool:
    """Whether a choice of tools leaves room for others than those it names."""
    return choice != "none" and (use is None or len(use.names) == len(use.tools))
