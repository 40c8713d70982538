"""How a request wants to wait, and its model to stay: `priority`, `keep_alive`. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lsrv.config import parse_duration
from lsrv.errors import RequestError
from lsrv.priority import MAX_PRIORITY

Priority = Annotated[
    int, Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY, extra_json_schema={"description": "Higher is sooner; 0 is usual."})
]
KeepAliveField = Annotated[
    str | float | None,
    Meta(extra_json_schema={"description": 'Idle time before its model is unloaded: 30, "10m", 0 at once, -1 never.'}),
]


def keep_alive_of(keep_alive: str | float | None) -> float | None:
    """The seconds a request wants its model to stay; math.inf: for ever. Raises RequestError."""
    try:
        return None if keep_alive is None else parse_duration(keep_alive)
    except ValueError as error:
        raise RequestError(f"keep_alive: {error}.", param="keep_alive") from error
