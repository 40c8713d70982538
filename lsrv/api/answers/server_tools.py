"""Which of the operator's tools a request gets: what it asks for, what the settings say, who may have them."""

from __future__ import annotations

from dataclasses import dataclass, field

from lsrv.api.http.errors import ForbiddenError
from lsrv.api.state import ServerState
from lsrv.echo import echo
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate
from lsrv.serving.request import GenerationRequest, ServerTools
from lsrv.serving.tool_loop.loop import LoopLimits
from lsrv.serving.tool_loop.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class WishedTools:
    """`names`: of the servers, with the tools that are wanted of each (None: all); None: all servers."""

    names: dict[str, list[str] | None] | None
    limits: LoopLimits
    notes: list[str] = field(default_factory=list[str])


def wished_tools(state: ServerState, request: GenerationRequest, *, is_trusted: bool) -> WishedTools | None:
    """None: none. Raises RequestError for what can't be, ForbiddenError for a stranger who asks for tools."""
    asked, settings = request.server_tools, state.settings.mcp
    if asked is None:
        is_offered = settings.offer and is_trusted and _fits(request.commands)
        asked = ServerTools() if is_offered and state.mcp.names else False
    if asked is False:
        return None
    asked = ServerTools() if asked is True else asked
    _check(state, request, asked, is_trusted)
    limits = LoopLimits(
        max_rounds=min(asked.max_rounds or settings.max_rounds, settings.max_rounds),
        time_limit_s=settings.time_limit_s,
        is_required=asked.is_required,
    )
    return WishedTools(_names(asked), limits)


async def box_of(state: ServerState, wished: WishedTools) -> Toolbox:
    """The tools; `wished.notes` are told of servers that are not there."""
    box = await state.mcp.box(wished.names)
    for listing in box.listings:
        if listing.error:
            wished.notes.append(f"mcp: the server {listing.server} is not connected: {listing.error}")
    return box


def _fits(commands: list[Generate]) -> bool:
    """Whether this is one chat that says nothing of the form of its answer."""
    return len(commands) == 1 and commands[0].messages is not None and commands[0].grammar is None


def _check(state: ServerState, request: GenerationRequest, asked: ServerTools, is_trusted: bool) -> None:
    if not is_trusted:
        raise ForbiddenError(
            "mcp: tools run for clients of this machine, and for those with a key. Set api_keys under [server] in "
            "models.toml."
        )
    if len(request.commands) != 1:
        raise RequestError("mcp: tools need one answer; leave out n.", param="n")
    known = state.mcp.names
    for wanted in asked.servers or ():
        if wanted.name not in known:
            there = ", ".join(known) or "none; name some under [[mcp.servers]] in models.toml"
            message = f"{wanted.param}: no MCP server is called {echo(wanted.name)!r}; there are: {there}."
            raise RequestError(message, param=wanted.param)
    if not known:
        raise RequestError("mcp: models.toml names no MCP servers; add [[mcp.servers]].", param="mcp")


def _names(asked: ServerTools) -> dict[str, list[str] | None] | None:
    if asked.servers is None:
        return None
    names: dict[str, list[str] | None] = {}
    for wanted in asked.servers:
        before = names.get(wanted.name, [])
        both = None if wanted.tools is None or before is None else [*before, *wanted.tools]
        names[wanted.name] = both
    return names
