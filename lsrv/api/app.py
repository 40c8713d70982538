"""Puts the app together: handlers, error shape, limits, and the gate in front."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException

from lsrv.api.gate import Gate
from lsrv.api.http.errors import MethodNotAllowedError, RouteNotFoundError, error_response
from lsrv.api.http.request_record import record_of
from lsrv.api.metrics.requests import Metrics
from lsrv.api.routes.adapters import ADAPTER_HANDLERS
from lsrv.api.routes.admin import ADMIN_HANDLERS
from lsrv.api.routes.cache import CACHE_HANDLERS
from lsrv.api.routes.docs import DOCS_HANDLERS
from lsrv.api.routes.generating import GENERATING_HANDLERS
from lsrv.api.routes.health import HEALTH_HANDLERS
from lsrv.api.routes.models import MODEL_HANDLERS
from lsrv.api.routes.pull import pull_model
from lsrv.api.routes.virtual_models import ROUTE_HANDLERS
from lsrv.api.state import ServerState
from lsrv.config import Settings
from lsrv.echo import echo
from lsrv.errors import LsrvError, RequestError
from lsrv.registry import Registry

_log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, State]


def create_app(registry: Registry, settings: Settings) -> Gate:
    """The ASGI app of one server: Litestar's routes behind the gate."""
    return create_gate(ServerState(registry, settings, Metrics(registry)))


def create_gate(state: ServerState) -> Gate:
    """The same over a state the caller keeps, in order to drain."""
    return Gate(_create_routes(state), state)


def _create_routes(state: ServerState) -> Litestar:
    def server() -> ServerState:
        return state

    return Litestar(
        route_handlers=[
            *GENERATING_HANDLERS,
            *MODEL_HANDLERS,
            *ROUTE_HANDLERS,
            *CACHE_HANDLERS,
            pull_model,
            *ADAPTER_HANDLERS,
            *ADMIN_HANDLERS,
            *HEALTH_HANDLERS,
            *DOCS_HANDLERS,
        ],
        dependencies={"server": Provide(server, sync_to_thread=False)},
        exception_handlers={Exception: _answer_error},
        openapi_config=None,  # the reference comes from `openapi`: bodies are decoded by us, not by Litestar
        logging_config=None,
    )


def _answer_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Every error of every route, in the one shape."""
    ours = _as_lsrv_error(request, error)
    record_of(request.scope).error_code = ours.code
    response = error_response(ours)
    headers = {name.decode(): value.decode() for name, value in response.headers if name != b"content-type"}
    return Response(response.body, status_code=response.status, headers=headers, media_type="application/json")


def _as_lsrv_error(request: AnyRequest, error: Exception) -> LsrvError:
    if isinstance(error, LsrvError):
        return error
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _of_litestar(request, error)
    record = record_of(request.scope)
    _log.error("request failed", exc_info=error, extra={"request_id": record.request_id, "model_id": record.model_id})
    return LsrvError(f"An internal error; the server's log says more under request id {record.request_id}.")


def _of_litestar(request: AnyRequest, error: HTTPException) -> LsrvError:
    where = f"{request.scope['method']} {echo(request.scope['path'])}"
    match error.status_code:
        case 404:
            return RouteNotFoundError(f"There is no route {where}; GET /docs lists them all.")
        case 405:
            return MethodNotAllowedError(f"There is no {where}; GET /docs lists the methods of every route.")
        case _:
            return RequestError(error.detail)
