"""Handlers of `/v1/models/{id}/cache`: what the response cache holds of a model, and deleting that."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.http.access import Needs
from lsrv.api.http.request_record import record_of
from lsrv.api.routes.models import model_of_whole_path
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.model_id import ModelId
from lsrv.response_cache import ModelStatistics

_encode = msgspec.json.Encoder().encode


async def show_cache(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """What the cache did and holds, of one entry."""
    named = await model_of_whole_path(request, server)
    return named or json_response(_encode(await _statistics(server, _model_id(request, server))))


async def purge_cache(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Answers with what was there."""
    model_id = _model_id(request, server)
    before = await _statistics(server, model_id)
    await server.responses.purge(model_id)
    return json_response(_encode(before))


def _model_id(request: ApiRequest, server: ServerState) -> ModelId:
    model_id = record_of(request.scope).model_id = server.registry.names.resolve(resource_of(request.scope).name)
    return model_id


async def _statistics(server: ServerState, model_id: ModelId) -> dict[str, object]:
    statistics = (await server.responses.statistics()).get(model_id, ModelStatistics())
    return {"model_id": server.registry.view(model_id).listed_id} | msgspec.to_builtins(statistics)


ROUTES = (
    Route(
        "GET",
        "/v1/models/{id}/cache",
        show_cache,
        "What the response cache keeps of a model, and how often that helped",
    ),
    Route(
        "DELETE",
        "/v1/models/{id}/cache",
        purge_cache,
        "Delete the kept answers of a model",
        needs=Needs.ADMIN_KEY,
    ),
)
