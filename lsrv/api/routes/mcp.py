"""MCP: how the servers stand whose tools models may use."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.http.access import Needs
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState

_encode = msgspec.json.Encoder().encode


async def list_servers(_request: ApiRequest, server: ServerState) -> Response[bytes]:
    servers = [
        {
            "name": view.name,
            "state": view.state,
            "error": view.error or None,
            "protocol": view.protocol or None,
            "tools": [{"name": tool.shown, "description": tool.description} for tool in view.tools],
        }
        for view in server.mcp.views()
    ]
    return json_response(_encode({"servers": servers}))


ROUTES = (
    Route("GET", "/admin/mcp", list_servers, "MCP servers, and the tools that they offer", needs=Needs.ADMIN_KEY),
)
