"""MCP: how the servers stand whose tools models may use, and lsrv as such a server."""

from __future__ import annotations

import importlib

import msgspec
from litestar import Response
from litestar.types import ASGIApp

from lsrv.api.http.access import Needs
from lsrv.api.http.errors import RouteNotFoundError
from lsrv.api.mcp.door import McpDoor
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import EVENTS, JSON, Route
from lsrv.api.state import ServerState
from lsrv.errors import UnsupportedCapabilityError

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


async def serve_clients(_request: ApiRequest, server: ServerState) -> ASGIApp:
    if not server.settings.mcp.serve:
        raise RouteNotFoundError("/mcp is off: serve = false under [mcp] in models.toml.")
    if server.mcp_door is None:
        server.mcp_door = await _opened(server)
    return server.mcp_door


async def _opened(server: ServerState) -> McpDoor:
    """The SDK takes half a second to import, which is not the event loop's to wait."""
    try:
        await server.looks.run("mcp", importlib.import_module, "mcp.server.streamable_http_manager")
        return McpDoor(server.whole_app, server.settings.server.max_body_bytes)
    except ImportError:
        message = 'POST /mcp needs the package mcp: pip install "lsrv[mcp]", then restart the server.'
        raise UnsupportedCapabilityError(message) from None


async def no_stream(_request: ApiRequest, _server: ServerState) -> Response[bytes]:
    """Clients of the older era ask for a stream of what the server says by itself: 405 tells them there is none."""
    body = {
        "error": {"message": "This server says nothing by itself; POST what you ask.", "type": "method_not_allowed"}
    }
    return Response(_encode(body), status_code=405, headers={"allow": "POST"}, media_type="application/json")


ROUTES = (
    Route("POST", "/mcp", serve_clients, "The models as tools, for MCP clients", body=dict, media_types=(JSON, EVENTS)),
    Route("GET", "/mcp", no_stream, "No stream: answers come with what asks for them"),
    Route("GET", "/admin/mcp", list_servers, "MCP servers, and the tools that they offer", needs=Needs.ADMIN_KEY),
)
