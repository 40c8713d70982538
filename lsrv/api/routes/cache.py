"""Handlers of `/v1/models/{id}/cache`: what the response cache holds of a model, and deleting that."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
from litestar import Response, delete

from lsrv.api.http.errors import RouteNotFoundError
from lsrv.api.http.request_record import record_of
from lsrv.api.http.route import CACHE, with_alias
from lsrv.api.routes.generating import ApiRequest, json_response
from lsrv.api.state import ServerState
from lsrv.response_cache import ModelStatistics

_encode = msgspec.json.Encoder().encode


async def cache_of(request: ApiRequest, server: ServerState, model: str) -> Response[bytes]:
    """What the cache did and holds, of one entry."""
    model_id = record_of(request.scope).model_id = server.registry.resolve(model)
    return json_response(_encode(await _statistics(server, model_id)))


@delete([f"{path}/{{rest:path}}" for path in with_alias("/v1/models")], status_code=200)
async def purge_cache(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Answers with what was there."""
    _, _, wanted = unquote(request.scope["raw_path"].decode()).partition("/models/")
    if not wanted.endswith(CACHE):
        raise RouteNotFoundError(
            "Models are deleted by taking them out of models.toml; DELETE …/cache empties a cache."
        )
    model_id = record_of(request.scope).model_id = server.registry.resolve(wanted.removesuffix(CACHE))
    before = await _statistics(server, model_id)
    await server.responses.purge(model_id)
    return json_response(_encode(before))


async def _statistics(server: ServerState, model_id: str) -> dict[str, object]:
    statistics = (await server.responses.statistics()).get(model_id, ModelStatistics())
    return {"model_id": server.registry.view(model_id).listed_id} | msgspec.to_builtins(statistics)


CACHE_HANDLERS = [purge_cache]
