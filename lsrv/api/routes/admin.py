"""Handlers of `/admin/*`: what an operator asks of a running server."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable

import msgspec
from litestar import Response
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
from lsrv.api.admin.machine import examined, machine_body
from lsrv.api.admin.reload import reload_settings
from lsrv.api.admin.shown_settings import shown_settings
from lsrv.api.http.access import Needs
from lsrv.api.http.body import decode_body
from lsrv.api.http.event_stream import COMMENT_INTERVAL_S, EventStream
from lsrv.api.http.framing import SERVER_SENT_EVENTS
from lsrv.api.http.receive import until_disconnect
from lsrv.api.routing.handler import ApiRequest, Handler, body_of, json_response
from lsrv.api.routing.route import EVENTS, JSON, Method, Route
from lsrv.api.routing.table import resource_of
from lsrv.api.state import ServerState
from lsrv.errors import RequestError
from lsrv.model_id import ModelId
from lsrv.registry import worker_memory

_log = logging.getLogger(__name__)

_default_decoder = msgspec.json.Decoder(DefaultBody)
_encode = msgspec.json.Encoder().encode


async def admin_status(_: ApiRequest, server: ServerState) -> Response[bytes]:
    views = [*server.registry.views(), *server.registry.leaving()]
    pids = [view.pid for view in views if view.pid is not None]
    memory = await server.looks.run("processes", lambda: {pid: worker_memory(pid) for pid in pids})
    return json_response(_encode(_status(server, [model_status(view, memory) for view in views])))


def _status(server: ServerState, models: list[ModelStatus]) -> ServerStatus:
    memory, source = server.registry.memory(), server.settings.source
    return ServerStatus(
        version=__version__,
        pid=os.getpid(),
        uptime_s=round(time.monotonic() - server.started_at, 3),
        config=str(source) if source is not None else None,
        is_draining=server.is_draining,
        default_model_id=server.registry.names.default_id,
        memory={
            device: DeviceBudget(budget_bytes=n_bytes, promised_bytes=memory.promised_bytes.get(device, 0))
            for device, n_bytes in memory.budget_bytes.items()
        },
        n_spare_workers=memory.n_spare_workers,
        models=models,
    )


async def worker_logs(request: ApiRequest, server: ServerState) -> Response[bytes]:
    registry = server.registry
    model_id = registry.names.resolve(resource_of(request.scope).name)
    worker, previous = registry.logs(model_id)
    return json_response(_encode(LogsAnswer(id=registry.names.listed_id(model_id), worker=worker, previous=previous)))


async def prefix_cache(request: ApiRequest, server: ServerState) -> Response[bytes]:
    model_id = server.registry.names.resolve(resource_of(request.scope).name)
    return json_response(_encode(cache_answer(server.registry.view(model_id))))


async def choose_default(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_default_decoder, await body_of(request, server))
    is_route = server.registry.routing.view(body.model_id) is not None
    adapter = None if is_route else server.registry.names.target(body.model_id).adapter
    if adapter is not None:
        raise RequestError(f"'{adapter}' is an adapter; a default is a model.", param="model_id")
    model_id = server.registry.names.choose_default(body.model_id)
    _log.info("another default for this run", extra={"model_id": body.model_id})
    return json_response(_encode({"default_model_id": model_id}))


async def show_config(_: ApiRequest, server: ServerState) -> Response[bytes]:
    source = server.settings.source
    body = {"file": str(source) if source is not None else None, "settings": shown_settings(server.settings)}
    return json_response(_encode(body))


async def cache_stats(_: ApiRequest, server: ServerState) -> Response[bytes]:
    listed_id = server.registry.names.listed_id
    kept = {listed_id(ModelId(name)): counts for name, counts in (await server.responses.statistics()).items()}
    prefixes = [cache_answer(view) for view in server.registry.views() if view.info is not None]
    ram, disk = server.responses.n_memory_bytes, server.responses.n_disk_bytes
    responses = {"ram_bytes": ram, "disk_bytes": disk, "models": kept}
    return json_response(_encode({"response_cache": responses, "prefix_caches": prefixes}))


async def workload_stats(_: ApiRequest, server: ServerState) -> Response[bytes]:
    now = [
        {"id": view.listed_id, "status": view.status, "n_running": view.n_running, "n_waiting": view.n_waiting}
        for view in server.registry.views()
    ]
    return json_response(_encode(server.workload.body() | {"now": now}))


async def reset_counters(_: ApiRequest, server: ServerState) -> Response[bytes]:
    """Prometheus' counters go on: they may only grow."""
    before = server.workload.body()
    server.workload.reset()
    return json_response(_encode({"status": "reset", "before": before}))


async def system_info(_: ApiRequest, server: ServerState) -> Response[bytes]:
    return json_response(_encode(machine_body(server.registry.memory())))


async def doctor(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """Each starts a process; the lane lets few of them run at once."""
    return json_response(await until_disconnect(request.receive, server.looks.run("doctor", examined)))


async def forget_default(_: ApiRequest, server: ServerState) -> Response[bytes]:
    model_id = server.registry.names.forget_default(server.settings)
    _log.info("the default of the settings again", extra={"model_id": model_id})
    return json_response(_encode({"default_model_id": model_id}))


async def reload_config(_: ApiRequest, server: ServerState) -> Response[bytes]:
    return json_response(_encode(await reload_settings(server)))


async def stop(_: ApiRequest, server: ServerState) -> Response[bytes]:
    if server.stop is None:
        raise RequestError("This server lives in another program, which ends it; there is nothing to stop here.")
    server.stop()
    return json_response(_encode({"status": "draining", "drain_timeout_s": server.settings.server.drain_timeout_s}))


async def events(_: ApiRequest, server: ServerState) -> ASGIApp:
    return feed_stream(server)


def feed_stream(server: ServerState, in_words: Callable[[bytes], bytes] = bytes) -> ASGIApp:
    """What happens, as it happens; `in_words` makes of our events those of another API, or nothing."""

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await until_disconnect(receive, _write_events(server, EventStream(send, SERVER_SENT_EVENTS), in_words))

    return stream


async def _write_events(server: ServerState, stream: EventStream, in_words: Callable[[bytes], bytes]) -> None:
    """Events until the server drains; a comment whenever nothing has happened for a while."""
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
            if told := in_words(batch):
                await stream.write(told)


def _route(
    method: Method, path: str, handler: Handler, summary: str, body: object | None = None, media_type: str = JSON
) -> Route:
    return Route(method, path, handler, summary, body=body, needs=Needs.ADMIN_KEY, media_types=(media_type,))


ROUTES = (
    _route("GET", "/admin/status", admin_status, "Entries, workers with their memory, budget, queues"),
    _route("GET", "/admin/models/{id}/logs", worker_logs, "Last lines of a worker, and of the one before"),
    _route("GET", "/admin/models/{id}/cache", prefix_cache, "What a model's prefix cache holds, how often it helped"),
    _route("POST", "/admin/default", choose_default, "Another default model, for this run", DefaultBody),
    _route("GET", "/v1/system/info", system_info, "The machine and the versions that serve"),
    _route("POST", "/v1/system/doctor", doctor, "What `lsrv doctor` finds on this machine"),
    _route("GET", "/admin/config", show_config, "The settings in force, without secrets"),
    _route("GET", "/admin/cache-stats", cache_stats, "What the caches of all models hold, and how often they helped"),
    _route("GET", "/admin/workload-stats", workload_stats, "Requests and tokens by model since the last reset"),
    _route("POST", "/admin/reset-metrics", reset_counters, "Count the workload anew; /metrics goes on"),
    _route("DELETE", "/admin/default", forget_default, "The default of the config again"),
    _route("GET", "/admin/events", events, "What happens, as server-sent events", media_type=EVENTS),
    _route("POST", "/admin/stop", stop, "Drain, and end the server, as SIGTERM does"),
    _route("POST", "/admin/reload", reload_config, "Take in the config file anew; what it changed"),
)
