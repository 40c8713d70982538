"""Health, readiness and metrics. None of them loads or wakes a model.

`/health` and `/healthz`: the server answers. `/readyz`: it takes requests, that is, it is not draining, and every entry
with `preload = true` has finished loading, well or badly, or gave up because there was no room. Other models load on
first use, and don't matter here.
"""

from __future__ import annotations

import msgspec
from litestar import Response
from prometheus_client import CONTENT_TYPE_LATEST

from lsrv.api.http.access import Needs
from lsrv.api.metrics.llamaserver import llama_server_exposition
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState

_EXPOSITION = CONTENT_TYPE_LATEST.partition("; charset=")[0]  # Litestar adds the charset

_encode = msgspec.json.Encoder().encode


async def health(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    return json_response(b'{"status":"ok"}')


async def ready(_: ApiRequest, server: ServerState) -> Response[bytes]:
    views = server.registry.views()
    states = {view.listed_id: view.status for view in views}
    waiting = [view.listed_id for view in views if view.is_preload_due]
    gave_up = {view.listed_id: view.preload_gave_up for view in views if view.preload_gave_up}
    status = "draining" if server.is_draining else "loading" if waiting else "ready"
    body = {"status": status, "waiting_for": waiting, "gave_up": gave_up, "models": states}
    return json_response(_encode(body), 200 if status == "ready" else 503)


async def metrics(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """All of the server; `?model=` one model's under llama-server's names, as its router has it."""
    wanted = request.query_params.get("model")
    if not wanted:
        return Response(server.metrics.exposition(), media_type=_EXPOSITION)
    model_id = server.registry.names.resolve(wanted)
    text = llama_server_exposition(server.registry.view(model_id), server.metrics.of(model_id).answered)
    return Response(text, media_type=_EXPOSITION)


ROUTES = (
    Route("GET", "/health", health, "The server answers", needs=Needs.NOTHING),
    Route("GET", "/healthz", health, "Kubernetes' name for /health", needs=Needs.NOTHING),
    Route(
        "GET", "/readyz", ready, "The server takes requests: not draining, and preloads are done", needs=Needs.NOTHING
    ),
    Route("GET", "/metrics", metrics, "Prometheus metrics", media_types=("text/plain",)),
)
