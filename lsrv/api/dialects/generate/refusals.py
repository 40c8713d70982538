"""Errors of `/v1/generate` and its kin: OpenAI's shape, and words of their own where clients look for them. Pure."""

from __future__ import annotations

import msgspec

from lsrv.api.http.errors import ErrorShape, error_object, status_of
from lsrv.api.http.framing import sse
from lsrv.echo import echo
from lsrv.errors import CapacityError, LsrvError, ModelNotFoundError

_OVERLOADED = 429

_encode = msgspec.json.Encoder().encode


def _status(error: LsrvError) -> int:
    if isinstance(error, ModelNotFoundError):
        return 400
    return _OVERLOADED if isinstance(error, CapacityError) and status_of(error) == _OVERLOADED else status_of(error)


def _body(error: LsrvError) -> bytes:
    told = error_object(error)
    if isinstance(error, ModelNotFoundError):
        known = error.fields.get("known")
        names = ", ".join(f"'{echo(str(name))}'" for name in (known if isinstance(known, list) else []))
        model = echo(str(error.fields.get("model", "")))
        told |= {"message": f"Model '{model}' not allowed. Allowed: [{names}]", "code": "model_not_allowed"}
    elif _status(error) == _OVERLOADED:
        told |= {"code": "generate_overloaded"}
    return _encode({"error": told})


def error_event(error: LsrvError) -> bytes:
    """The same as the last event of a stream; no [DONE] follows."""
    return sse(_body(error))


GENERATE_ERRORS = ErrorShape(_body, _status)
