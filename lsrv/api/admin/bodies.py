"""Bodies of `/admin/*`: views of the registry to what an operator reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lsrv.errors import ErrorInfo
from lsrv.protocol.events import MemoryUse, PrefixCacheUse
from lsrv.registry import EntryView, WorkerLog, WorkerMemory


class DefaultBody(msgspec.Struct, kw_only=True):
    model_id: str


class DeviceBudget(msgspec.Struct, frozen=True, kw_only=True):
    budget_bytes: int
    promised_bytes: int


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process, and its memory as the system counts it."""

    pid: int
    uptime_s: float | None
    memory: WorkerMemory
    n_slots: int
    n_slots_busy: int


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `planned_bytes` by device beside `memory`, which is what llama.cpp then used."""

    id: str
    model_id: str
    status: str
    is_pinned: bool
    is_held: bool
    is_removed: bool
    n_running: int
    n_waiting: int
    n_loads: int
    n_crashes: int
    n_unloads: dict[str, int]
    last_load_s: float | None
    last_used_s_ago: float | None
    unload_reason: str
    retry_in_s: float | None
    error: ErrorInfo | None
    planned_bytes: dict[str, int]
    memory: MemoryUse | None
    worker: WorkerStatus | None


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    pid: int
    uptime_s: float
    config: str | None
    is_draining: bool
    default_model_id: str | None
    memory: dict[str, DeviceBudget]
    n_spare_workers: int
    models: list[ModelStatus]


class LogsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    worker: WorkerLog | None
    previous: WorkerLog | None


class CacheAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`cache` as of the last heartbeat, about a second ago; None: not loaded, or a model that keeps nothing."""

    id: str
    status: str
    n_slots: int = 0
    n_slots_busy: int = 0
    n_prompt_tokens_computed: int = 0
    n_cached_tokens: int = 0
    cache: PrefixCacheUse | None = None


def model_status(view: EntryView, memory: Mapping[int, WorkerMemory]) -> ModelStatus:
    """`memory`: of workers by pid."""
    return ModelStatus(
        id=view.listed_id,
        model_id=view.model_id,
        status=view.status,
        is_pinned=view.is_pinned,
        is_held=view.is_held,
        is_removed=view.is_removed,
        n_running=view.n_running,
        n_waiting=view.n_waiting,
        n_loads=view.n_loads,
        n_crashes=view.n_crashes,
        n_unloads=view.n_unloads,
        last_load_s=view.last_load_s,
        last_used_s_ago=view.last_used_s_ago,
        unload_reason=view.unload_reason,
        retry_in_s=view.retry_in_s,
        error=view.error,
        planned_bytes=view.planned_bytes,
        memory=view.info.memory if view.info is not None else None,
        worker=_worker_status(view, memory),
    )


def _worker_status(view: EntryView, memory: Mapping[int, WorkerMemory]) -> WorkerStatus | None:
    if view.pid is None or view.info is None:
        return None
    return WorkerStatus(
        pid=view.pid,
        uptime_s=view.loaded_s_ago,
        memory=memory[view.pid],
        n_slots=view.info.n_slots,
        n_slots_busy=view.heartbeat.n_slots_busy if view.heartbeat is not None else 0,
    )


def cache_answer(view: EntryView) -> CacheAnswer:
    """What is known of an entry's prefix cache."""
    heartbeat, info = view.heartbeat, view.info
    if heartbeat is None or info is None:
        return CacheAnswer(id=view.listed_id, status=view.status)
    return CacheAnswer(
        id=view.listed_id,
        status=view.status,
        n_slots=info.n_slots,
        n_slots_busy=heartbeat.n_slots_busy,
        n_prompt_tokens_computed=heartbeat.n_prefill_tokens,
        n_cached_tokens=heartbeat.n_cached_tokens,
        cache=heartbeat.cache,
    )
