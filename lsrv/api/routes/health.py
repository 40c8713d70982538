"""Health, readiness and metrics. None of them loads or wakes a model.

`/health` and `/healthz`: the server answers. `/readyz`: it takes requests, that is, it is not draining, and every entry
with `preload = true` is loaded, or gave up because there was no room; with `[server] ready = "any"` one of them is
enough. Other models load on first use, and don't matter here. `/modelz`: each model's state.
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
from lsrv.registry import EntryView

_EXPOSITION = CONTENT_TYPE_LATEST.partition("; charset=")[0]  # Litestar adds the charset

_encode = msgspec.json.Encoder().encode


async def health(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    return json_response(b'{"status":"ok"}')


async def ready(_: ApiRequest, server: ServerState) -> Response[bytes]:
    views = server.registry.views()
    states = {view.listed_id: view.status for view in views}
    waiting = [view.listed_id for view in views if view.is_preload_due]
    gave_up = {view.listed_id: view.preload_gave_up for view in views if view.preload_gave_up}
    failed, is_there = _failed_preloads(server, views), _has_preload(server, views)
    is_enough = is_there if server.settings.server.ready == "any" else not waiting
    is_broken = bool(failed) and not (server.settings.server.ready == "any" and is_there)
    status = "draining" if server.is_draining else "failed" if is_broken else "ready" if is_enough else "loading"
    body = {"status": status, "waiting_for": waiting, "failed": failed, "gave_up": gave_up, "models": states}
    return json_response(_encode(body), 200 if status == "ready" else 503)


def _failed_preloads(server: ServerState, views: list[EntryView]) -> dict[str, str]:
    """What went wrong with each model that was to be loaded at the start."""
    return {
        view.listed_id: view.error.message
        for view in views
        if view.error is not None and server.registry.settings_of(view.model_id).preload
    }


def _has_preload(server: ServerState, views: list[EntryView]) -> bool:
    """Whether one of the preloads has ended well; where there are none, nothing is to wait for."""
    preloads = [view for view in views if server.registry.settings_of(view.model_id).preload]
    return not preloads or any(view.error is None and not view.is_preload_due for view in preloads)


async def models(_: ApiRequest, server: ServerState) -> Response[bytes]:
    """Each model's state, for probes that watch one of them."""
    views = server.registry.views()
    states = {
        view.listed_id: {
            "status": view.status,
            "endpoint_status": view.endpoint_status,
            "is_default": view.model_id == server.registry.names.default_id,
        }
        for view in views
    }
    is_fine = not server.is_draining and any(view.endpoint_status == "ready" for view in views)
    body = {"status": "ok" if is_fine else "unavailable", "models": states}
    return json_response(_encode(body), 200 if is_fine else 503)


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
    Route("GET", "/modelz", models, "The state of each model; 503 when none can serve", needs=Needs.NOTHING),
    Route("GET", "/metrics", metrics, "Prometheus metrics", media_types=("text/plain",)),
)
