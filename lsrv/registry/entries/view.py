"""What others may see of an entry: a snapshot, cheap to make, that loads and wakes nothing."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from lsrv.errors import ErrorInfo
from lsrv.model_id import ModelId
from lsrv.protocol.events import Heartbeat, ModelInfo, Progress
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.state import EntryState
from lsrv.registry.offered_adapters import OfferedAdapter

Status = Literal["loaded", "unloaded", "reloading", "error", "disabled"]
EndpointStatus = Literal["ready", "loading", "error", "disabled"]

_STATUS: dict[Phase, Status] = {
    Phase.UNLOADED: "unloaded",
    Phase.LOADING: "reloading",
    Phase.LOADED: "loaded",
    Phase.DRAINING: "loaded",
    Phase.STOPPING: "unloaded",
    Phase.ERROR: "error",
}
# An unloaded entry is ready, for a request loads it.
_ENDPOINT_STATUS: dict[Status, EndpointStatus] = {
    "loaded": "ready",
    "unloaded": "ready",
    "reloading": "loading",
    "error": "error",
    "disabled": "disabled",
}


Capability = Literal["completion", "chat", "tools", "vision", "audio", "embedding", "rerank"]


class WeightsView(msgspec.Struct, frozen=True, kw_only=True):
    """The file behind a loaded model, and why it is this one."""

    path: str
    quantization: str
    size_bytes: int
    origin: str
    chosen_because: str
    is_made_here: bool


class WorkerLog(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines that a worker wrote to stdout and stderr, oldest first. `end`: why it is gone, if it is."""

    pid: int | None
    lines: list[str]
    end: str = ""


class MemoryView(msgspec.Struct, frozen=True, kw_only=True):
    """All models together, in bytes by device ("CPU" is RAM)."""

    budget_bytes: dict[str, int]
    promised_bytes: dict[str, int]
    n_spare_workers: int


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry now. Times in seconds; `created` in Unix time."""

    model_id: ModelId
    listed_id: str
    aliases: tuple[str, ...]
    display_name: str = ""
    description: str = ""
    kind: str
    owned_by: str = "local"
    capabilities: tuple[Capability, ...] = ()  # as far as they are known: a file tells at its load
    adapters: tuple[OfferedAdapter, ...] = ()
    status: Status
    endpoint_status: EndpointStatus
    error: ErrorInfo | None = None  # set when status is "error"
    log_tail: list[str] = []  # the worker's last lines, or those of the one that failed
    info: ModelInfo | None = None
    context_because: str = ""  # why the context is as long as it is, where the settings left it open
    needed_bytes: dict[str, int] = {}  # by device, of its worker with all that is promised to it
    place_because: str = ""  # the same of what lies on GPUs
    weights: WeightsView | None = None
    pid: int | None = None
    rss_bytes: int = 0
    planned_bytes: dict[str, int] = {}  # promised to it, by device
    loaded_s_ago: float | None = None
    n_running: int = 0
    n_waiting: int = 0
    n_loads: int = 0
    n_crashes: int = 0
    last_load_s: float | None = None
    unload_reason: str = ""  # of the last unload, for people
    n_unloads: dict[str, int] = {}  # by cause
    is_preload_due: bool = False  # the settings ask for a load at the start, and that has not come to its end
    preload_gave_up: str = ""  # why it ended without a load though nothing is broken
    keep_alive_s: float = math.inf  # idle time until it is unloaded, as settings or the last request say
    is_pinned: bool = False
    is_removed: bool = False  # from the settings: it serves who came before, and goes
    is_held: bool = False  # takes no new requests: others wait for its memory
    progress: Progress | None = None
    last_used_s_ago: float | None = None
    retry_in_s: float | None = None  # in "error": when the next request tries again
    heartbeat: Heartbeat | None = None
    created: int = 0

    @property
    def expires_in_s(self) -> float:
        """Seconds until it is unloaded if nobody asks for it, counted once its requests are done; inf: never."""
        idle_s = 0.0 if self.n_running or self.n_waiting else self.last_used_s_ago or 0.0
        return max(0.0, self.keep_alive_s - idle_s)


def capabilities_of(kind: str, info: ModelInfo | None) -> tuple[Capability, ...]:
    """What a loaded model can do, or what `kind` promises of one that is not."""
    if info is not None:
        found: dict[Capability, bool] = {
            "completion": info.can_generate,
            "chat": info.can_generate,
            "tools": info.can_generate and info.has_tools,
            "vision": info.can_see,
            "audio": info.can_hear,
            "embedding": info.can_embed,
            "rerank": info.can_rerank,
        }
        return tuple(name for name, is_there in found.items() if is_there)
    if kind == "embedding" or kind == "rerank":
        return (kind,)
    if kind == "multimodal":
        return ("completion", "chat", "vision")
    return () if kind == "auto" else ("completion", "chat")


def status(state: EntryState) -> Status:
    """The word clients read."""
    if not state.is_enabled:
        return "disabled"
    is_awaited = bool(state.waiting) or state.is_wanted
    if is_awaited and state.phase in (Phase.DRAINING, Phase.STOPPING):
        return "reloading"
    return _STATUS[state.phase]


def endpoint_status(word: Status) -> EndpointStatus:
    """The same in the words of endpoint listings."""
    return _ENDPOINT_STATUS[word]
