"""The six phases of an entry; `EntryState` goes from one to the next."""

from __future__ import annotations

import enum


class Phase(enum.Enum):
    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"
    DRAINING = "draining"
    STOPPING = "stopping"
    ERROR = "error"
