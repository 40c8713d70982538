"""How Ollama writes what all its bodies have: errors, names, durations. Pure."""

from __future__ import annotations

from lsrv.api.dialects.fields.head import LATEST, without_latest
from lsrv.api.dialects.fields.one_line import written
from lsrv.api.http.errors import ErrorShape, error_message, status_of
from lsrv.echo import echo
from lsrv.errors import LsrvError, ModelNotFoundError

VERSION = "0.13.0"  # whose API this is: clients compare numbers, and VS Code wants 0.6.4 at least

_NS_PER_S = 1e9
# What a full queue and a full memory are there; all else has our own status.
_STATUS = {429: 503, 507: 500}


def error_body(error: LsrvError) -> bytes:
    """`{"error": "text"}`; clients know a model that is not there by the words."""
    return written({"error": _message(error)})


def error_line(error: LsrvError) -> bytes:
    """The same as the last line of a stream."""
    return error_body(error) + b"\n"


OLLAMA_ERRORS = ErrorShape(error_body, lambda error: _STATUS.get(status := status_of(error), status))


def _message(error: LsrvError) -> str:
    name, known = error.fields.get("model"), error.fields.get("known")
    if not isinstance(error, ModelNotFoundError) or not isinstance(name, str):
        return error_message(error)
    there = f"; this server has {echo(', '.join(known), 500)}" if isinstance(known, list) and known else ""
    return f'model "{name}" not found, try pulling it first{there}'


def other_spellings(model: str | None) -> tuple[str, ...]:
    """What else a name may stand for: "llama3" is "llama3:latest", either way round."""
    return without_latest(model) or ((model + LATEST,) if model else ())


def tagged(model: str) -> str:
    """A name as lists have it. Open WebUI finds none there without a tag: it puts this one behind what has none."""
    return model if ":" in model else model + LATEST


def nanoseconds(seconds: float) -> int:
    """A duration; 1 at least, for clients divide by it."""
    return max(1, round(seconds * _NS_PER_S))
