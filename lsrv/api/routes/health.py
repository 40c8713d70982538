"""Health, readiness and metrics. None of them loads or wakes a model.

`/health` and `/healthz`: the server answers. `/readyz`: it takes requests, that is, it is not draining, and every entry
with `preload = true` has finished loading, well or badly. Other models load on first use, and don't matter here.
"""

from __future__ import annotations

import msgspec
from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from lsrv.api.routes.generating import json_response
from lsrv.api.state import ServerState
from lsrv.registry import EntryView

_encode = msgspec.json.Encoder().encode


@get(["/health", "/healthz"])
async def health() -> Response[bytes]:
    return json_response(b'{"status":"ok"}')


@get("/readyz")
async def ready(server: ServerState) -> Response[bytes]:
    preloaded = {model.model_id for model in server.settings.models if model.preload}
    views = server.registry.views()
    states = {view.listed_id: view.status for view in views}
    waiting = [view.listed_id for view in views if view.model_id in preloaded and _is_pending(view)]
    status = "draining" if server.is_draining else "loading" if waiting else "ready"
    body = {"status": status, "waiting_for": waiting, "models": states}
    return json_response(_encode(body), 200 if status == "ready" else 503)


@get("/metrics")
async def metrics(server: ServerState) -> Response[bytes]:
    return Response(server.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _is_pending(view: EntryView) -> bool:
    """Whether a preload has not come to its end; one that was unloaded since has."""
    return view.n_loads == 0 and view.status in ("reloading", "unloaded")


HEALTH_HANDLERS = [health, ready, metrics]
