"""Why a model leaves memory."""

from __future__ import annotations

from typing import Literal, NamedTuple

UnloadCause = Literal["asked", "idle", "evicted", "abandoned", "changed", "removed", "no_room"]
UNLOAD_CAUSES: tuple[UnloadCause, ...] = ("asked", "idle", "evicted", "abandoned", "changed", "removed", "no_room")


class UnloadReason(NamedTuple):
    """Why a model leaves: for metrics, and for people."""

    cause: UnloadCause
    text: str


ASKED = UnloadReason("asked", "its operator asked for it")
ABANDONED = UnloadReason("abandoned", "nobody waited for it any more")
CHANGED = UnloadReason("changed", "its settings changed")
REMOVED = UnloadReason("removed", "it was removed from the settings")
