"""The only place where an error becomes an HTTP answer: status, headers and a body, by default OpenAI's

    {"error": {"message", "type", "param", "code", …}}

`…` are the numbers behind the message (n_prompt_tokens, n_ctx, retry_after_s). Routes of other APIs have their own
`ErrorShape` over the same values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from lsrv.echo import echo
from lsrv.errors import (
    AbortedError,
    AdapterConflictError,
    AdaptersBusyError,
    CapacityError,
    FieldValue,
    LsrvError,
    ModelDisabledError,
    ModelNotFoundError,
    NotEnoughMemoryError,
    QueueFullError,
    RequestError,
    UnresponsiveError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    WorkerError,
)

DEFAULT_RETRY_AFTER_S = 1.0
MAX_MESSAGE_CHARS = 2000  # whoever wrote it, and whatever it quotes
CLIENT_GONE_STATUS = 499  # nginx's number; nobody receives it, the access log counts it


class UnauthorizedError(LsrvError):
    code = "invalid_api_key"


class ForbiddenError(LsrvError):
    code = "forbidden"


class RouteNotFoundError(LsrvError):
    code = "route_not_found"


class NotKeptError(LsrvError):
    """Nothing is kept under that id, or no longer."""

    code = "not_found"


class MethodNotAllowedError(LsrvError):
    """fields: allow, the methods that are."""

    code = "method_not_allowed"


class BadConfigError(LsrvError):
    """The config file can't be taken in anew; nothing has changed."""

    code = "config_error"


class RequestTimeoutError(LsrvError):
    code = "request_timeout"


class RateLimitError(CapacityError):
    """fields: retry_after_s."""

    code = "rate_limit_exceeded"


class TimeLimitError(LsrvError):
    """The answer took longer than any may."""

    code = "time_limit_exceeded"


class BodyTooLargeError(LsrvError):
    code = "body_too_large"


class MediaTypeError(LsrvError):
    code = "unsupported_media_type"


class HeadersTooLargeError(LsrvError):
    code = "headers_too_large"


class ClientGoneError(AbortedError):
    """The client closed its connection before the answer."""

    code = "client_gone"


# The nearest class in the error's own family decides; what is not listed is our fault: 500.
_STATUS: dict[type[LsrvError], int] = {
    RequestError: 400,
    BadConfigError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    ModelNotFoundError: 404,
    RouteNotFoundError: 404,
    NotKeptError: 404,
    MethodNotAllowedError: 405,
    RequestTimeoutError: 408,
    ModelDisabledError: 409,
    AdapterConflictError: 409,
    BodyTooLargeError: 413,
    MediaTypeError: 415,
    QueueFullError: 429,
    RateLimitError: 429,
    AdaptersBusyError: 429,
    HeadersTooLargeError: 431,
    ClientGoneError: CLIENT_GONE_STATUS,
    AbortedError: 503,
    CapacityError: 503,
    WorkerError: 503,
    UnresponsiveError: 504,
    TimeLimitError: 504,
    UpstreamBusyError: 429,
    UpstreamError: 502,
    UpstreamUnavailableError: 503,
    UpstreamTimeoutError: 504,
    NotEnoughMemoryError: 507,
    LsrvError: 500,
}

_TYPE_OF_STATUS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

_encoder = msgspec.json.Encoder()


class ErrorResponse(msgspec.Struct, frozen=True):
    """What goes on the wire: `body` is JSON, `headers` are lower-case ASGI pairs without content-length."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def status_of(error: LsrvError) -> int:
    """The HTTP status of `error`; of a refusal by an upstream the one it gave."""
    if isinstance(error, UpstreamRefusedError) and isinstance(status := error.fields.get("status"), int):
        return status
    for cls in type(error).__mro__:
        if cls in _STATUS:
            return _STATUS[cls]
    return 500


def error_object(error: LsrvError) -> dict[str, FieldValue]:
    """OpenAI's error object; lists (log tails) stay out of it."""
    status = status_of(error)
    kind = _TYPE_OF_STATUS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    numbers: dict[str, FieldValue] = {
        name: echo(value) if isinstance(value, str) else value
        for name, value in error.fields.items()
        if not isinstance(value, list)
    }
    param = echo(error.param) if error.param is not None else None
    return {"message": error_message(error), "type": kind, "param": param, "code": error.code} | numbers


def error_message(error: LsrvError) -> str:
    """What `error` says, at a length that one can read."""
    return echo(error.message, MAX_MESSAGE_CHARS)


def error_body(error: LsrvError) -> bytes:
    """The JSON body (and the payload of an SSE error event)."""
    return _encoder.encode({"error": error_object(error)})


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """How an API writes errors: the JSON body, and the status where it has numbers of its own."""

    body: Callable[[LsrvError], bytes]
    status: Callable[[LsrvError], int] = status_of


OPENAI_ERRORS = ErrorShape(error_body)


def _flat_body(error: LsrvError) -> bytes:
    told = error_object(error)
    return _encoder.encode({"error": told, "message": told["message"], "detail": told["message"]})


# The same with what clients of FastAPI and of mistral.rs look for at the top.
FLAT_ERRORS = ErrorShape(_flat_body)


def error_response(error: LsrvError, shape: ErrorShape) -> ErrorResponse:
    """Status, headers and body of `error`. A retry is advised where it can help: one of two headers, never both."""
    headers = [(b"content-type", b"application/json")]
    retry_after_s = error.fields.get("retry_after_s", DEFAULT_RETRY_AFTER_S)
    if not error.is_retryable:  # it may still say when it is looked at again: in its body, for people
        headers.append((b"x-should-retry", b"false"))
    elif isinstance(retry_after_s, int | float):
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(retry_after_s))))
    if isinstance(error, UnauthorizedError):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(allowed := error.fields.get("allow"), list):
        headers.append((b"allow", ", ".join(allowed).encode()))
    return ErrorResponse(shape.status(error), headers, shape.body(error))
