"""Handlers of `/v1/routes`: what became of the requests and shadow copies of each route in models.toml."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
from litestar import Response, get

from lsrv.api.http.route import ROUTES, with_alias
from lsrv.api.routes.generating import ApiRequest, json_response
from lsrv.api.state import ServerState
from lsrv.echo import echo
from lsrv.errors import ModelNotFoundError
from lsrv.registry import RouteView

_encode = msgspec.json.Encoder().encode


@get(with_alias(ROUTES))
async def list_routes(server: ServerState) -> Response[bytes]:
    data = [_shown(server, route) for route in server.registry.routing.view_all()]
    return json_response(_encode({"object": "list", "data": data}))


@get([f"{path}/{{route_id:path}}" for path in with_alias(ROUTES)])
async def get_route(request: ApiRequest, server: ServerState) -> Response[bytes]:
    _, _, wanted = unquote(request.scope["raw_path"].decode()).partition("/routes/")  # ids may contain slashes
    route = server.registry.routing.view(wanted)
    if route is None:
        known = ", ".join(each.model_id for each in server.registry.routing.view_all()) or "none"
        raise ModelNotFoundError(f"'{echo(wanted)}' is no route; there are: {known}")
    return json_response(_encode(_shown(server, route)))


def _shown(server: ServerState, route: RouteView) -> dict[str, object]:
    return {
        "id": route.model_id,
        "object": "route",
        "members": route.members,
        "shadow": server.shadows.views(route.model_id),
    }


ROUTE_HANDLERS = [list_routes, get_route]
