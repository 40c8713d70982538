"""Handlers of `/v1/routes`: what became of the requests and shadow copies of each route in models.toml."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.http.access import Needs
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.echo import echo
from lsrv.errors import ModelNotFoundError
from lsrv.registry import RouteView

_encode = msgspec.json.Encoder().encode


async def list_routes(_: ApiRequest, server: ServerState) -> Response[bytes]:
    data = [_shown(server, route) for route in server.registry.routing.view_all()]
    return json_response(_encode({"object": "list", "data": data}))


async def get_route(request: ApiRequest, server: ServerState) -> Response[bytes]:
    wanted = resource_of(request.scope).name
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


ROUTES = (  # they show what models answered
    Route(
        "GET",
        "/v1/routes",
        list_routes,
        "The routes of models.toml, what became of their requests, and of shadow copies",
        needs=Needs.ADMIN_KEY,
    ),
    Route("GET", "/v1/routes/{id}", get_route, "One of them", needs=Needs.ADMIN_KEY),
)
