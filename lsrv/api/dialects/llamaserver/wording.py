"""How llama-server writes errors: `{"error": {"code", "message", "type"}}`, the code being the status. Pure.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md#api-errors
"""

from __future__ import annotations

import msgspec

from lsrv.api.http.errors import ErrorShape, error_message, status_of
from lsrv.api.http.framing import sse
from lsrv.errors import LsrvError, PromptTooLongError, UnsupportedCapabilityError, UnsupportedParameterError

NOT_SUPPORTED = 501

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "unavailable_error",
    NOT_SUPPORTED: "not_supported_error",
    503: "unavailable_error",
    504: "unavailable_error",
    507: "unavailable_error",
}

_encode = msgspec.json.Encoder().encode


class NotOfferedError(LsrvError):
    """Something that llama-server can do, and this server doesn't."""

    code = "not_supported"


def _status(error: LsrvError) -> int:
    is_unknown = isinstance(error, NotOfferedError | UnsupportedCapabilityError | UnsupportedParameterError)
    return NOT_SUPPORTED if is_unknown else status_of(error)


def _type(error: LsrvError, status: int) -> str:
    if isinstance(error, PromptTooLongError):
        return "exceed_context_size_error"
    return _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def error_body(error: LsrvError) -> bytes:
    """With the numbers that clients shorten a prompt by."""
    status = _status(error)
    numbers = {name: error.fields[name] for name in ("n_prompt_tokens", "n_ctx") if name in error.fields}
    said = {"code": status, "message": error_message(error), "type": _type(error, status)}
    return _encode({"error": said | numbers})


def error_event(error: LsrvError) -> bytes:
    """The same as the last event of a stream."""
    return sse(error_body(error))


LLAMA_SERVER_ERRORS = ErrorShape(error_body, _status)
