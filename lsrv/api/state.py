"""What all handlers of one server share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from litestar.types import ASGIApp, Receive, Scope, Send

from lsrv.api.dialects.models import model_object
from lsrv.api.feed import Feed, RequestFinished, RequestStarted
from lsrv.api.http.access import Access
from lsrv.api.http.errors import FLAT_ERRORS, OPENAI_ERRORS, ErrorShape
from lsrv.api.http.outliving import OutlivingAnswers
from lsrv.api.http.request_record import RequestRecord
from lsrv.api.http.running import RunningAnswers
from lsrv.api.limits.callers import CallerLimits
from lsrv.api.metrics.cache import CacheCollector
from lsrv.api.metrics.requests import Metrics
from lsrv.api.metrics.virtual_models import RouteCollector
from lsrv.api.metrics.workload import Workload
from lsrv.api.notes import Notes
from lsrv.config import LoadedSettings, ServerSettings, Settings
from lsrv.documents import DocumentLimits, Shelf
from lsrv.mcp import McpServers
from lsrv.model_id import ModelId
from lsrv.registry import Discovery, Registry, Turn, own_cache
from lsrv.response_cache import CacheLimits, ResponseCache
from lsrv.serving.shadow.shadows import Shadows
from lsrv.threads import Lanes

ReadSettings = Callable[[], LoadedSettings]  # blocks; raises ConfigError


class ClosingApp(Protocol):
    """An ASGI app that has to be closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class ServerState:
    registry: Registry
    settings: Settings
    metrics: Metrics
    reference: Callable[[], bytes]  # the OpenAPI document of its routes, as JSON
    discovery: Discovery  # which of the settings' models were found, and what else there is
    read_settings: ReadSettings | None = None  # None: started without a file
    is_draining: bool = False
    reload_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    started_at: float = field(default_factory=time.monotonic)
    looks: Lanes = field(default_factory=Lanes)  # at processes and folders
    notes: Notes = field(default_factory=Notes)
    stop: Callable[[], None] | None = None  # ends the server as SIGTERM would; None: it lives in a caller's process
    ollama_port: int | None = None  # where Ollama's clients look for it, if it listens there
    workload: Workload = field(default_factory=Workload)
    access: Access = field(init=False)
    feed: Feed = field(init=False)
    responses: ResponseCache = field(init=False)
    shelf: Shelf = field(init=False)
    outliving: OutlivingAnswers = field(init=False)  # by the ids of responses
    streams: OutlivingAnswers = field(init=False)  # by the ids that clients gave to conversations
    running: RunningAnswers = field(default_factory=RunningAnswers)
    shadows: Shadows = field(init=False)
    search: asyncio.Task[None] | None = None  # for models that come to this disk, and leave it
    mcp: McpServers = field(init=False)
    caller_limits: CallerLimits = field(init=False)
    _limits: tuple[int, int] = (-1, -1)  # those of `caller_limits`: a reload that leaves them leaves what was used
    mcp_door: ClosingApp | None = None  # /mcp, once somebody has asked there
    app: ASGIApp | None = None  # the gate, for requests from inside

    def __post_init__(self) -> None:
        self.shadows = Shadows(self.registry)
        self.mcp = McpServers(self.settings.mcp.servers)
        self.configure(self.settings)
        self.feed = Feed(self._snapshot)
        self.registry.watch(self.feed.take)
        self.responses = _response_cache(self.settings.server)
        self.shelf = _shelf(self.settings.server)
        self.outliving = OutlivingAnswers(self.end)
        self.streams = OutlivingAnswers(self.end)
        self.metrics.add(CacheCollector(self.responses))
        self.metrics.add(RouteCollector(self.registry.routing, self.shadows))

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next request on."""
        self.settings = settings
        self.access = Access(settings.server)
        limits = settings.server.requests_per_minute, settings.server.tokens_per_minute
        if limits != self._limits:
            self._limits, self.caller_limits = limits, CallerLimits(*limits)
        self.shadows.configure(settings)
        self.mcp.configure(settings.mcp.servers)

    def errors_as(self, shape: ErrorShape) -> ErrorShape:
        """How errors in `shape` are written by this server's settings."""
        return FLAT_ERRORS if shape is OPENAI_ERRORS and self.settings.server.flat_errors else shape

    def whole_app(self) -> ASGIApp:
        """What answers clients, from the gate on."""
        assert self.app is not None
        return self.app

    def turn(self, model_id: ModelId, priority: int | None, keep_alive_s: float | None = None) -> Turn:
        """How a request waits for `model_id`: by its own priority, else by the entry's."""
        default = self.registry.settings_of(model_id).defaults.priority
        return Turn(priority=default if priority is None else priority, keep_alive_s=keep_alive_s)

    def begin(self, record: RequestRecord, model_id: ModelId) -> None:
        """A request is known to be for the entry of that canonical id: logs, metrics and watchers learn it."""
        record.model_id, record.listed_id = model_id, self.registry.names.listed_id(model_id)
        self.feed.publish(RequestStarted(request_id=record.request_id, model_id=record.listed_id, route=record.route))

    def end(self, record: RequestRecord, seconds: float) -> None:
        """A request is over; those who watch learn so if they know of it."""
        if record.listed_id:
            n_prompt, n_completion = record.n_prompt_tokens or 0, record.n_completion_tokens or 0
            is_hit = bool(record.is_cache_hit)
            self.workload.note(record.listed_id, record.status, n_prompt, n_completion, seconds, is_hit=is_hit)
            self.feed.publish(
                RequestFinished(
                    request_id=record.request_id,
                    model_id=record.listed_id,
                    route=record.route,
                    status=record.status,
                    seconds=round(seconds, 6),
                    n_prompt_tokens=record.n_prompt_tokens,
                    n_completion_tokens=record.n_completion_tokens,
                    error=record.error_code,
                )
            )

    def _snapshot(self) -> dict[str, object]:
        models = [model_object(view) for view in self.registry.views()]
        return {"default_model_id": self.registry.names.default_id, "models": models}


def _response_cache(server: ServerSettings) -> ResponseCache:
    limits = CacheLimits(
        ram_bytes=server.response_cache_ram_bytes,
        disk_bytes=server.response_cache_disk_bytes,
        max_age_s=server.response_cache_age_s,
        max_ram_age_s=min(server.response_cache_ram_age_s, server.response_cache_age_s),
    )
    return ResponseCache(own_cache() / "responses", limits)


def _shelf(server: ServerSettings) -> Shelf:
    limits = DocumentLimits(server.response_store_disk_bytes, server.response_store_age_s)
    return Shelf(own_cache() / "responses" / "kept.sqlite3", limits)
