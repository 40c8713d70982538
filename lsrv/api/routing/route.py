"""One route as a value. Everything else that tells routes apart is read off it: the table in front of the handlers, who
may ask, labels of metrics, the reference (`reference/openapi`), and what docs/http.md has to list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsrv.api.http.access import Needs
from lsrv.api.http.errors import OPENAI_ERRORS, ErrorShape
from lsrv.api.routing.handler import Handler

Method = Literal["GET", "POST", "DELETE"]

ID = "{id}"  # stands for a name in a path, which may contain slashes
PART = "{part}"  # at the end of a path with an id: what is named within that; no slashes
_VERSION = "/v1"

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Route:
    """What `handler` answers, and what is to be known of that without asking it.

    `body`: the type that decodes a request's body; None: the route reads none. `media_types`: those of an answer.
    `errors`: how whatever goes wrong is told, before the handler has the request, too. `takes_curls_type`: a body may
    be called a form, which is what `curl -d` does, and what people type where an API's own examples do.
    `takes_any_type`: whatever the body is, the route reads none of it, so that no page gains by sending a form.
    `request_id_name`: the header that its clients read besides x-request-id.
    """

    method: Method
    path: str
    handler: Handler
    summary: str
    body: object | None = None
    needs: Needs = Needs.KEY
    media_types: tuple[str, ...] = (JSON,)
    errors: ErrorShape = OPENAI_ERRORS
    takes_curls_type: bool = False
    takes_any_type: bool = False
    request_id_name: bytes | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The path, and the twin without `/v1` that every versioned one has."""
        is_versioned = self.path.startswith(f"{_VERSION}/")
        return (self.path, self.path.removeprefix(_VERSION)) if is_versioned else (self.path,)
