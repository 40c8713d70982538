"""`GET /models/sse`: what becomes of models, in the words of llama-server's router."""

from __future__ import annotations

from litestar.types import ASGIApp

from lsrv.api.dialects.llamaserver.router import router_events
from lsrv.api.routes.admin import feed_stream
from lsrv.api.routing.handler import ApiRequest
from lsrv.api.routing.route import EVENTS, Route
from lsrv.api.state import ServerState


async def watch_models(_: ApiRequest, server: ServerState) -> ASGIApp:
    return feed_stream(server, router_events)


ROUTES = (
    Route(
        "GET", "/v1/models/sse", watch_models, "States of models as they change, as a router's", media_types=(EVENTS,)
    ),
)
