"""What requests ask for and do not get, in the log: once for each model, for clients ask the same with each request."""

from __future__ import annotations

import logging

_MAX_KEPT = 1024  # clients write some of it; who has said more is told again

_log = logging.getLogger(__name__)


class Notes:
    """A memory of which ones the log has."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def tell(self, note: str, request_id: str, listed_id: str) -> None:
        """Log `note` unless that was done for the model."""
        if (listed_id, note) in self._told:
            return
        if len(self._told) >= _MAX_KEPT:
            self._told.clear()
        self._told.add((listed_id, note))
        _log.warning("no effect", extra={"what": note, "request_id": request_id, "model_id": listed_id})
