"""How Anthropic's API writes errors: types and statuses of its own, and words that its clients look for. Pure.

https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

from lsrv.api.dialects.fields.one_line import written
from lsrv.api.http.errors import MAX_MESSAGE_CHARS, ErrorShape, error_message, status_of
from lsrv.api.http.framing import Framing, named_sse
from lsrv.echo import echo
from lsrv.errors import CapacityError, LsrvError, PromptTooLongError, UpstreamUnavailableError

OVERLOADED_STATUS = 529

_TYPE_OF_STATUS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED_STATUS: "overloaded_error",
}


def anthropic_status(error: LsrvError) -> int:
    """529 for what passes by itself: a full queue, a server that stops, no memory, an upstream that rests."""
    return OVERLOADED_STATUS if isinstance(error, CapacityError | UpstreamUnavailableError) else status_of(error)


def anthropic_error_body(error: LsrvError) -> bytes:
    """`{"type": "error", "error": {"type", "message"}, "request_id"}`."""
    status = anthropic_status(error)
    kind = _TYPE_OF_STATUS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    details = {"details": {"error_code": code}} if (code := error.fields.get("error_code")) is not None else {}
    body = {"type": "error", "error": {"type": kind, "message": _message(error), **details}}
    return written(body | ({"request_id": error.request_id} if error.request_id else {}))


def anthropic_error_event(error: LsrvError) -> bytes:
    """The same as the last event of a stream."""
    return named_sse(b"error", anthropic_error_body(error))


ANTHROPIC_ERRORS = ErrorShape(anthropic_error_body, anthropic_status)


def _ping(words: str) -> bytes:
    """What Anthropic sends while nothing comes; its clients pass over it, and people read the comment."""
    return b": %b\n%b" % (words.encode(), named_sse(b"ping", b'{"type":"ping"}'))


NAMED_EVENTS = Framing(b"text/event-stream; charset=utf-8", _ping)


def _message(error: LsrvError) -> str:
    """What it says. The coding client looks for these words and both numbers, and shortens its conversation."""
    n_tokens, n_ctx = error.fields.get("n_prompt_tokens"), error.fields.get("n_ctx")
    if isinstance(error, PromptTooLongError) and n_tokens is not None and n_ctx is not None:
        return f"prompt is too long: {n_tokens} tokens > {n_ctx} maximum"
    if isinstance(error, PromptTooLongError):  # an upstream's, that told no numbers
        return echo(f"prompt is too long: {error.message}", MAX_MESSAGE_CHARS)
    return error_message(error)
