"""What happens to entries, for those who watch: bars, metrics, the feed of events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

import msgspec

from lsrv.errors import ErrorInfo
from lsrv.model_id import ModelId
from lsrv.protocol.events import Progress
from lsrv.registry.entries.view import Status

_log = logging.getLogger(__name__)


class RegistryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person who watches the server wants to see: what became of a load or a worker, or a new `status`."""

    kind: Literal["loading", "progress", "loaded", "failed", "crashed", "unloaded", "status"]
    model_id: ModelId
    listed_id: str
    progress: Progress | None = None
    error: ErrorInfo | None = None
    load_s: float | None = None
    status: Status | None = None  # the word that clients read from now on
    reason: str = ""  # why the model was unloaded


Watcher = Callable[[RegistryEvent], None]


class Watchers:
    """Hands every event to every watcher; none of them can stop a load."""

    def __init__(self, first: Watcher) -> None:
        self._watchers = [first]

    def add(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def tell(self, event: RegistryEvent) -> None:
        for watcher in self._watchers:
            try:
                watcher(event)
            except Exception:  # noqa: BLE001  # whoever watches must not be able to stop a load
                _log.exception("a watcher failed", extra={"model_id": event.listed_id})
