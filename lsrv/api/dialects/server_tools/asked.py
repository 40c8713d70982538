"""Tools of the operator's own servers, as requests ask for them. Pure; which servers there are is not known here."""

from __future__ import annotations

from typing import Annotated, cast

from msgspec import Meta

from lsrv.echo import echo
from lsrv.errors import RequestError
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


def without_server_tools(tools: list[object]) -> tuple[list[object], list[WantedServer], list[str]]:
    """`tools` of the client, those of type mcp as servers that are wanted, and notes on those nobody here may reach.

    `{"type": "mcp", "server_label", "allowed_tools"}` of OpenAI's Responses: the label is a server's name in
    models.toml. One with `server_url` is left out: lsrv goes nowhere that a client says. Left out ones leave None.
    """
    kept: list[object] = []
    wanted: list[WantedServer] = []
    notes: list[str] = []
    for i, tool in enumerate(tools):
        fields = cast("dict[str, object]", tool) if isinstance(tool, dict) else {}
        if fields.get("type") != "mcp":
            kept.append(tool)
            continue
        kept.append(None)
        if fields.get("server_url") or fields.get("connector_id"):
            notes.append(f"tools[{i}]: an MCP server that models.toml does not name is not asked, and was left out")
        else:
            wanted.append(_wanted(fields, f"tools[{i}]"))
    return kept, wanted, notes


def _wanted(fields: dict[str, object], param: str) -> WantedServer:
    label = fields.get("server_label")
    if not isinstance(label, str) or not label:
        raise RequestError(f"{param}.server_label is missing: it says which MCP server.", param=f"{param}.server_label")
    allowed = fields.get("allowed_tools")
    if isinstance(allowed, dict):
        allowed = cast("dict[str, object]", allowed).get("tool_names")
    if allowed is None:
        return WantedServer(label, None, f"{param}.server_label")
    names = cast("list[object]", allowed) if isinstance(allowed, list) else [None]
    if not all(isinstance(name, str) for name in names):
        raise RequestError(
            f"{param}.allowed_tools must be a list of names, not {echo(str(allowed))}.", param=f"{param}.allowed_tools"
        )
    return WantedServer(label, tuple(cast("list[str]", names)), f"{param}.server_label")


def requires_a_call(choice: object) -> bool:
    return choice in ("required", "any")


def is_offered(use: ToolUse | None, choice: object) -> bool:
    """Whether a choice of tools leaves room for others than those it names."""
    return choice != "none" and (use is None or len(use.names) == len(use.tools))
