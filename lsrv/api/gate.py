"""The ASGI app in front of Litestar: who may ask, from where, in which form; request id, access log, metrics.

Checks, in this order, each with its own error: Host, machine, Origin, draining, key, route, content type.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import MutableMapping

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from lsrv.api.http.access import Caller, Needs
from lsrv.api.http.errors import MediaTypeError
from lsrv.api.http.request_record import RequestRecord, attach_record
from lsrv.api.http.respond import send_error, send_response
from lsrv.api.routing.table import Resource, RouteTable, attach_resource
from lsrv.api.state import ServerState
from lsrv.errors import DrainingError, LsrvError, RequestError

_log = logging.getLogger(__name__)
_access_log = logging.getLogger("lsrv.access")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Gate:
    """Wraps `app`. Every answer carries `x-request-id`; every request ends in one access-log line."""

    def __init__(self, app: ASGIApp, state: ServerState, routes: RouteTable) -> None:
        self._app = app
        self._state = state
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._routes.at(scope["path"]))
        try:
            await self._pass(scope, receive, exchange)
        except LsrvError as error:
            exchange.record.error_code, error.request_id = error.code, exchange.record.request_id
            await send_error(exchange.send, error, self._state.errors_as(exchange.resource.errors))
        finally:
            self._account(scope, exchange)

    async def _pass(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        if b"host" not in exchange.headers and scope["http_version"] == "1.1":
            raise RequestError("An HTTP/1.1 request needs a Host header.")
        caller, access = Caller.of(scope, exchange.headers), self._state.access
        access.check_caller(caller)
        exchange.extra_headers += access.cors_headers(caller)
        method, resource = str(scope.get("method")), exchange.resource
        if method == "OPTIONS":
            headers = access.preflight_headers(exchange.headers, resource.methods)
            await send_response(exchange.send, 204, headers, b"")
            return
        if method == "HEAD":
            scope, method = _with_method(scope, "GET"), "GET"  # uvicorn drops the body: its own scope still says HEAD
        if method != "GET":
            self._check_admission()
        needs = resource.needs(method)
        access.check_key(exchange.headers, needs)
        route = resource.route(method)
        if method != "GET" and needs is Needs.KEY:
            exchange.caller = access.limited_caller(exchange.headers, caller)
            if exchange.caller is not None:
                self._state.caller_limits.admit(exchange.caller, time.monotonic())
        is_free = route.takes_any_type or (route.takes_curls_type and _is_curls(exchange.headers))
        if method != "GET" and not is_free:
            _check_content_type(exchange.headers)
        await self._app(scope, receive, exchange.send)

    def _check_admission(self) -> None:
        if self._state.is_draining:
            retry_after_s = self._state.settings.server.drain_timeout_s
            raise DrainingError("The server is shutting down.", retry_after_s=min(retry_after_s, 60.0))

    def _account(self, scope: Scope, exchange: _Exchange) -> None:
        record = exchange.record
        seconds = time.perf_counter() - record.arrived_at
        self._state.metrics.count_request(record.model_id, record.route, record.status, seconds)
        self._state.end(record, seconds)
        if exchange.caller is not None:
            n_tokens = (record.n_prompt_tokens or 0) + (record.n_completion_tokens or 0)
            self._state.caller_limits.spend(exchange.caller, n_tokens, time.monotonic())
        fields: dict[str, object] = {
            "method": scope.get("method"),
            "path": scope["path"],
            "status": record.status,
            "ms": round(seconds * 1e3, 1),
            "request_id": record.request_id,
        }
        optional = {
            "model_id": self._state.registry.names.logged_id(record.model_id) or None,
            "n_prompt_tokens": record.n_prompt_tokens,
            "n_completion_tokens": record.n_completion_tokens,
            "cache_hit": record.is_cache_hit,
            "error": record.error_code,
        }
        fields |= {name: value for name, value in optional.items() if value is not None}
        is_health = exchange.resource.needs("GET") is Needs.NOTHING  # what monitors ask all the time
        level = logging.DEBUG if is_health else logging.INFO
        _access_log.log(level, "request", extra=fields)


class _Exchange:
    """One request and its answer as they pass the gate."""

    def __init__(self, scope: Scope, send: Send, resource: Resource) -> None:
        self.resource = resource
        self.caller: bytes | None = None  # whose limits it counts against
        self.headers = dict(scope["headers"])
        asked_id = self.headers.get(b"x-request-id", b"")
        request_id = asked_id if _REQUEST_ID.fullmatch(asked_id) else secrets.token_hex(8).encode()
        names = (b"x-request-id", *resource.request_id_names)
        self.extra_headers = [*((name, request_id) for name in names), (b"x-content-type-options", b"nosniff")]
        self.record = RequestRecord(
            request_id=request_id.decode(), arrived_at=time.perf_counter(), route=resource.label
        )
        self._send = send
        attach_record(scope, self.record)
        attach_resource(scope, resource)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.record.status = message["status"]
            message["headers"] = [*message["headers"], *self.extra_headers, *self._cache_headers()]
        await self._send(message)

    def _cache_headers(self) -> list[tuple[bytes, bytes]]:
        """What an answer says of the response cache; an error says nothing."""
        is_hit = self.record.is_cache_hit
        return [] if is_hit is None or self.record.status != 200 else [(b"x-lsrv-cache", b"hit" if is_hit else b"miss")]


def _with_method(scope: Scope, method: str) -> Scope:
    changed: MutableMapping[str, object] = dict(scope)
    changed["method"] = method
    return changed  # pyright: ignore[reportReturnType]  # a copied TypedDict


def _is_curls(headers: dict[bytes, bytes]) -> bool:
    """Whether this is what `curl -d` sends: a form by its type, and none by a web page, which says where it is from."""
    is_a_pages = b"origin" in headers or b"sec-fetch-site" in headers
    return headers.get(b"content-type") == b"application/x-www-form-urlencoded" and not is_a_pages


def _check_content_type(headers: dict[bytes, bytes]) -> None:
    """JSON only: forms and text/plain are what a web page can send without asking the browser for leave.

    No content type at all passes; a page that sends such a request sends its Origin, and that was checked.
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise MediaTypeError("Compressed bodies are not accepted; send the JSON as it is.")
    content_type = headers.get(b"content-type")
    if content_type is None:
        return
    essence = content_type.split(b";", 1)[0].strip().lower()
    if essence != b"application/json" and not (essence.startswith(b"application/") and essence.endswith(b"+json")):
        raise MediaTypeError("The body must be JSON: send the header content-type: application/json.")
