"""Metrics of entries: what the registry knows, read at scrape time. Nothing here counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lsrv.protocol.events import PrefixCacheUse
from lsrv.registry import EntryView, MemoryView, Registry

STATES = ("loaded", "unloaded", "reloading", "error", "disabled")


class EntryCollector(Collector):
    """Samples of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        views = self._registry.views()
        yield _states(views)
        yield from _gauges(views)
        yield from _counters(views)
        yield from _memory_of_models(views)
        yield from _memory_of_all(self._registry.memory())


def _states(views: Sequence[EntryView]) -> Metric:
    state = GaugeMetricFamily("lsrv_model_state", "1 for the state a model is in.", labels=["model", "state"])
    for view in views:
        for name in STATES:
            state.add_metric([view.model_id, name], float(view.status == name))
    return state


def _gauges(views: Sequence[EntryView]) -> Iterable[Metric]:
    for name, text, value in _GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=["model"])
        for view in views:
            gauge.add_metric([view.model_id], value(view))
        yield gauge


def _counters(views: Sequence[EntryView]) -> Iterable[Metric]:
    for name, text, value in _COUNTERS:
        counter = CounterMetricFamily(name, text, labels=["model"])
        for view in views:
            counter.add_metric([view.model_id], value(view))
        yield counter
    unloads = CounterMetricFamily(
        "lsrv_model_unloads", "Models that left, and loads that were given up, by why.", labels=["model", "reason"]
    )
    for view in views:
        for cause, n in view.n_unloads.items():
            unloads.add_metric([view.model_id, cause], n)
    yield unloads


def _memory_of_models(views: Sequence[EntryView]) -> Iterable[Metric]:
    """Planned beside real: the plan is made before the load, llama.cpp's own count after it."""
    planned = GaugeMetricFamily("lsrv_model_planned_bytes", "Memory promised to a model.", labels=["model", "device"])
    real = GaugeMetricFamily(
        "lsrv_model_memory_bytes", "Buffers of a loaded model, by llama.cpp's count.", labels=["model", "device"]
    )
    for view in views:
        _add(planned, view.planned_bytes, view.model_id)
        _add(real, view.info.memory.by_device if view.info is not None else {}, view.model_id)
    yield planned
    yield real


def _memory_of_all(memory: MemoryView) -> Iterable[Metric]:
    budget = GaugeMetricFamily("lsrv_memory_budget_bytes", "Memory that models may use now.", labels=["device"])
    _add(budget, memory.budget_bytes)
    yield budget
    promised = GaugeMetricFamily("lsrv_memory_promised_bytes", "Memory promised to models.", labels=["device"])
    _add(promised, memory.promised_bytes)
    yield promised
    yield GaugeMetricFamily("lsrv_spare_workers", "Workers without a model.", value=memory.n_spare_workers)


def _add(family: GaugeMetricFamily, by_device: Mapping[str, int], *labels: str) -> None:
    for device, n_bytes in by_device.items():
        family.add_metric([*labels, device], n_bytes)


_Row = tuple[str, str, Callable[[EntryView], float]]

_GAUGES: tuple[_Row, ...] = (
    ("lsrv_requests_running", "Requests in the worker.", lambda view: view.n_running),
    ("lsrv_requests_waiting", "Requests waiting for a place or a load.", lambda view: view.n_waiting),
    ("lsrv_worker_rss_bytes", "Resident memory of the worker; 0 without one.", lambda view: view.rss_bytes or 0),
    ("lsrv_model_last_load_seconds", "Time the last load took.", lambda view: view.last_load_s or 0.0),
    ("lsrv_prefix_saved_bytes", "Prompts without a slot kept in RAM.", lambda view: _cache(view).saved_bytes),
    ("lsrv_prefix_filed_bytes", "Prompts kept on disk.", lambda view: _cache(view).filed_bytes),
    ("lsrv_slots_busy", "Slots that hold a sequence.", lambda view: _engine(view, "n_slots_busy")),
    ("lsrv_slots_waiting", "Sequences in the worker without a slot.", lambda view: _engine(view, "n_waiting")),
)

# Engine counters begin at 0 with every worker, as a Prometheus counter may.
_COUNTERS: tuple[_Row, ...] = (
    ("lsrv_model_loads", "Loads that succeeded.", lambda view: view.n_loads),
    ("lsrv_worker_crashes", "Workers that died by themselves.", lambda view: view.n_crashes),
    ("lsrv_engine_steps", "Engine steps.", lambda view: _engine(view, "n_steps")),
    ("lsrv_engine_prefill_tokens", "Prompt tokens computed.", lambda view: _engine(view, "n_prefill_tokens")),
    ("lsrv_engine_decode_tokens", "Tokens decoded.", lambda view: _engine(view, "n_decode_tokens")),
    ("lsrv_engine_cached_tokens", "Prompt tokens reused.", lambda view: _engine(view, "n_cached_tokens")),
    ("lsrv_prefix_prompts", "Prompts read to their end.", lambda view: _cache(view).n_prompts),
    ("lsrv_prefix_hits", "Those of which a beginning was cached.", lambda view: _cache(view).n_hits),
    ("lsrv_engine_compute_seconds", "Time inside llama_decode.", lambda view: _engine(view, "compute_s")),
    ("lsrv_engine_overhead_seconds", "Time in steps outside it.", lambda view: _engine(view, "overhead_s")),
)


def _engine(view: EntryView, name: str) -> float:
    return 0.0 if view.heartbeat is None else float(getattr(view.heartbeat, name))


def _cache(view: EntryView) -> PrefixCacheUse:
    """Zeros where there is none."""
    return (view.heartbeat.cache if view.heartbeat is not None else None) or PrefixCacheUse()
