"""Puts the app together: handlers, error shape, limits, and the gate in front."""

from __future__ import annotations

import logging
from typing import get_args

from litestar import Litestar, Response, route
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from lsrv.api.gate import Gate
from lsrv.api.http.errors import ErrorShape, error_response
from lsrv.api.http.request_record import record_of
from lsrv.api.metrics.requests import Metrics
from lsrv.api.reference.openapi import openapi_body
from lsrv.api.routes import ROUTES
from lsrv.api.routing.handler import ApiRequest
from lsrv.api.routing.route import Method
from lsrv.api.routing.table import RouteTable, resource_of
from lsrv.api.state import ReadSettings, ServerState
from lsrv.config import Settings
from lsrv.errors import LsrvError, RequestError
from lsrv.registry import Discovery, Registry

_log = logging.getLogger(__name__)


def create_app(registry: Registry, settings: Settings) -> Gate:
    """The ASGI app of one server: its handlers behind the gate."""
    return create_gate(create_state(registry, settings))


def create_state(
    registry: Registry,
    settings: Settings,
    read_settings: ReadSettings | None = None,
    discovery: Discovery | None = None,
) -> ServerState:
    """What the handlers of one server share. `discovery`: what made `settings`; None: nothing was looked for yet."""
    discovery = discovery or Discovery(settings)
    return ServerState(registry, settings, Metrics(registry), lambda: openapi_body(ROUTES), discovery, read_settings)


def create_gate(state: ServerState) -> Gate:
    """The app over a state the caller keeps, in order to drain."""
    table = RouteTable(ROUTES)
    state.app = gate = Gate(_create_handlers(state, table), state, table)
    return gate


def _create_handlers(state: ServerState, table: RouteTable) -> Litestar:
    """Litestar runs handlers and makes answers of what they return or raise; the gate has found which one it is."""
    paths = [*table.fixed_paths, "/{path:path}"]  # Litestar finds fixed ones sooner

    @route(paths, http_method=get_args(Method), status_code=200)
    async def answer(request: ApiRequest) -> ASGIApp:
        found = resource_of(request.scope).route(request.method)
        answered = await found.handler(request, state)
        return answered.to_asgi_response(app=None, request=request) if isinstance(answered, Response) else answered

    def answer_error(request: ApiRequest, error: Exception) -> Response[bytes]:
        return _answer_error(request, error, state.errors_as(resource_of(request.scope).errors))

    return Litestar(
        route_handlers=[answer],
        exception_handlers={Exception: answer_error},
        openapi_config=None,  # the reference comes from `openapi`: bodies are decoded by us, not by Litestar
        logging_config=None,
    )


def _answer_error(request: ApiRequest, error: Exception, shape: ErrorShape) -> Response[bytes]:
    """Every error of every route, in the shape of its API."""
    ours = _as_lsrv_error(request, error)
    record = record_of(request.scope)
    record.error_code, ours.request_id = ours.code, record.request_id
    response = error_response(ours, shape)
    headers = {name.decode(): value.decode() for name, value in response.headers if name != b"content-type"}
    return Response(response.body, status_code=response.status, headers=headers, media_type="application/json")


def _as_lsrv_error(request: ApiRequest, error: Exception) -> LsrvError:
    if isinstance(error, LsrvError):
        return error
    if isinstance(error, HTTPException) and error.status_code < 500:
        return RequestError(error.detail)
    record = record_of(request.scope)
    _log.error(
        "request failed",
        exc_info=error,
        extra=record.logged,
    )
    return LsrvError(f"An internal error; the server's log says more under request id {record.request_id}.")
