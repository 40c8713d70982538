"""Handlers of `/admin/*`: what an operator asks of a running server."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from urllib.parse import unquote

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp, Receive, Scope, Send

from lsrv import __version__
from lsrv.api.admin.bodies import (
    DefaultBody,
    DeviceBudget,
    LogsAnswer,
    ModelStatus,
    ServerStatus,
    cache_answer,
    model_status,
)
from lsrv.api.admin.reload import reload_settings
from lsrv.api.http.body import decode_body
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.sse import COMMENT_INTERVAL_S, EventStream
from lsrv.api.routes.generating import ApiRequest, body_of, json_response
from lsrv.api.state import ServerState
from lsrv.errors import RequestError
from lsrv.registry import worker_memory

_log = logging.getLogger(__name__)

_default_decoder = msgspec.json.Decoder(DefaultBody)
_encode = msgspec.json.Encoder().encode


@get("/admin/status")
async def admin_status(server: ServerState) -> Response[bytes]:
    views = [*server.registry.views(), *server.registry.leaving()]
    pids = [view.pid for view in views if view.pid is not None]
    memory = await asyncio.to_thread(lambda: {pid: worker_memory(pid) for pid in pids})
    return json_response(_encode(_status(server, [model_status(view, memory) for view in views])))


def _status(server: ServerState, models: list[ModelStatus]) -> ServerStatus:
    memory, source = server.registry.memory(), server.settings.source
    return ServerStatus(
        version=__version__,
        pid=os.getpid(),
        uptime_s=round(time.monotonic() - server.started_at, 3),
        config=str(source) if source is not None else None,
        is_draining=server.is_draining,
        default_model_id=server.registry.default_model_id,
        memory={
            device: DeviceBudget(budget_bytes=n_bytes, promised_bytes=memory.promised_bytes.get(device, 0))
            for device, n_bytes in memory.budget_bytes.items()
        },
        n_spare_workers=memory.n_spare_workers,
        models=models,
    )


@get("/admin/models/{path:path}")
async def admin_model(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """`{id}/logs` and `{id}/cache`; ids may contain slashes."""
    _, _, wanted = unquote(request.scope["raw_path"].decode()).partition("/admin/models/")
    model, _, what = wanted.rstrip("/").rpartition("/")
    if what == "logs" and model:
        worker, previous = server.registry.logs(model)
        listed_id = server.registry.listed_id(model)
        return json_response(_encode(LogsAnswer(id=listed_id, worker=worker, previous=previous)))
    if what == "cache" and model:
        return json_response(_encode(cache_answer(server.registry.view(model))))
    raise NotFoundException()


@post("/admin/default", status_code=200)
async def choose_default(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_default_decoder, await body_of(request, server))
    is_route = server.registry.routing.view(body.model_id) is not None
    adapter = None if is_route else server.registry.target(body.model_id).adapter
    if adapter is not None:
        raise RequestError(f"'{adapter}' is an adapter; a default is a model.", param="model_id")
    model_id = server.registry.choose_default(body.model_id)
    _log.info("another default for this run", extra={"model_id": body.model_id})
    return json_response(_encode({"default_model_id": model_id}))


@post("/admin/reload", status_code=200)
async def reload_config(server: ServerState) -> Response[bytes]:
    return json_response(_encode(await reload_settings(server)))


@get("/admin/events")
async def events(server: ServerState) -> ASGIApp:
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await until_disconnect(receive, _write_events(server, EventStream(send)))

    return stream


async def _write_events(server: ServerState, stream: EventStream) -> None:
    """Until the server drains; a comment whenever nothing has happened for a while."""
    with server.feed.reader() as reader, server.metrics.event_readers.track_inprogress():
        while True:
            try:
                async with asyncio.timeout(COMMENT_INTERVAL_S):
                    batch = await reader.next_batch()
            except TimeoutError:
                batch = b": nothing new\n\n"
            if not batch:
                await stream.end(b"")
                return
            await stream.write(batch)


ADMIN_HANDLERS = [admin_status, admin_model, choose_default, reload_config, events]
