"""What is known about one HTTP request once it ends: filled by handlers, read by the access log and the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from litestar.types import Scope

from lsrv.api.http.errors import CLIENT_GONE_STATUS

_KEY = "lsrv_note"


@dataclass(slots=True)
class RequestRecord:
    request_id: str
    arrived_at: float  # time.perf_counter()
    status: int = CLIENT_GONE_STATUS  # until an answer begins
    route: str = ""  # as a metric label
    model_id: str = ""  # canonical, and only of an entry that exists: it becomes a metric label
    listed_id: str = ""  # set once the request is announced to those who watch
    n_prompt_tokens: int | None = None
    n_completion_tokens: int | None = None
    error_code: str | None = None
    is_cache_hit: bool | None = None  # None: the response cache has no part in it

    @property
    def logged(self) -> dict[str, str]:
        """Which request it is, as fields of a log line."""
        return {"request_id": self.request_id, "model_id": self.listed_id or self.model_id}


def attach_record(scope: Scope, record: RequestRecord) -> None:
    scope.setdefault("state", {})[_KEY] = record  # pyright: ignore[reportArgumentType]  # litestar types it as its own


def record_of(scope: Scope) -> RequestRecord:
    """The record that the gate attached."""
    return cast(RequestRecord, scope["state"][_KEY])
