"""Prometheus metrics of one server. Labels come from models.toml and the route table only: they are bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lsrv.protocol.events import Usage
from lsrv.registry import EntryView

STATES = ("loaded", "unloaded", "reloading", "error", "disabled")

_WAIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_TOKEN_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5)


class ModelMetrics:
    """The metrics of one model, looked up once per request."""

    def __init__(self, metrics: Metrics, model_id: str) -> None:
        self.ttft = metrics.ttft.labels(model_id)
        self.itl = metrics.itl.labels(model_id)
        self._queue = metrics.queue.labels(model_id)
        self._n_prompt = metrics.prompt_tokens.labels(model_id)
        self._n_cached = metrics.cached_tokens.labels(model_id)
        self._n_completion = metrics.completion_tokens.labels(model_id)

    def count_usage(self, usage: Usage, lease_wait_s: float) -> None:
        """Count a finished request. Waiting is waiting for a lease (which may load the model) and for a slot."""
        self._queue.observe(lease_wait_s + usage.queue_s)
        self._n_prompt.inc(usage.n_prompt_tokens)
        self._n_cached.inc(usage.n_cached_tokens)
        self._n_completion.inc(usage.n_completion_tokens)

    def observe_itl(self, usage: Usage) -> None:
        """The mean of an answer that came in one piece: its single tokens were not seen."""
        if usage.n_completion_tokens > 1:
            self.itl.observe(usage.decode_s / (usage.n_completion_tokens - 1))

    def count_prompt(self, n_prompt_tokens: int) -> None:
        """Count a finished request that generated nothing: embeddings, scores."""
        self._n_prompt.inc(n_prompt_tokens)


class Metrics:
    """Everything `/metrics` shows. `views` is asked at every scrape; it must be cheap and load nothing."""

    def __init__(self, views: Callable[[], Sequence[EntryView]]) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "lsrv_requests", "HTTP requests by their end.", ["model", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "lsrv_request_seconds",
            "Time from a request's arrival to its end.",
            ["model", "route"],
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self.prompt_tokens = Counter("lsrv_prompt_tokens", "Prompt tokens.", ["model"], registry=registry)
        self.cached_tokens = Counter("lsrv_cached_tokens", "Prompt tokens reused.", ["model"], registry=registry)
        self.completion_tokens = Counter("lsrv_completion_tokens", "Tokens generated.", ["model"], registry=registry)
        self.ttft = Histogram(
            "lsrv_ttft_seconds",
            "Arrival of a streaming request to its first text.",
            ["model"],
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self.itl = Histogram(
            "lsrv_itl_seconds",
            "Time between two texts of a stream; the mean of an answer that came in one piece.",
            ["model"],
            buckets=_TOKEN_BUCKETS,
            registry=registry,
        )
        self.queue = Histogram(
            "lsrv_queue_seconds",
            "Wait for a place (and a load, if one was needed) until the prefill begins.",
            ["model"],
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self._models: dict[str, ModelMetrics] = {}
        registry.register(_EntryCollector(views))
        ProcessCollector(registry=registry)

    def of(self, model_id: str) -> ModelMetrics:
        """Metrics of one entry; `model_id` is canonical."""
        if model_id not in self._models:
            self._models[model_id] = ModelMetrics(self, model_id)
        return self._models[model_id]

    def count_request(self, model_id: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(model_id, route, str(status)).inc()
        self.request_seconds.labels(model_id, route).observe(seconds)

    def exposition(self) -> bytes:
        """The text format, version 0.0.4."""
        return generate_latest(self._registry)


class _EntryCollector(Collector):
    """What the registry knows, read at scrape time."""

    def __init__(self, views: Callable[[], Sequence[EntryView]]) -> None:
        self._views = views

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        views = self._views()
        state = GaugeMetricFamily("lsrv_model_state", "1 for the state a model is in.", labels=["model", "state"])
        for view in views:
            for name in STATES:
                state.add_metric([view.model_id, name], float(view.status == name))
        yield state
        for name, text, value in _GAUGES:
            gauge = GaugeMetricFamily(name, text, labels=["model"])
            for view in views:
                gauge.add_metric([view.model_id], value(view))
            yield gauge
        for name, text, value in _COUNTERS:
            counter = CounterMetricFamily(name, text, labels=["model"])
            for view in views:
                counter.add_metric([view.model_id], value(view))
            yield counter


_Row = tuple[str, str, Callable[[EntryView], float]]

_GAUGES: tuple[_Row, ...] = (
    ("lsrv_requests_running", "Requests in the worker.", lambda view: view.n_running),
    ("lsrv_requests_waiting", "Requests waiting for a place or a load.", lambda view: view.n_waiting),
    ("lsrv_worker_rss_bytes", "Resident memory of the worker; 0 without one.", lambda view: view.rss_bytes or 0),
    ("lsrv_model_last_load_seconds", "Time the last load took.", lambda view: view.last_load_s or 0.0),
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
    ("lsrv_engine_compute_seconds", "Time inside llama_decode.", lambda view: _engine(view, "compute_s")),
    ("lsrv_engine_overhead_seconds", "Time in steps outside it.", lambda view: _engine(view, "overhead_s")),
)


def _engine(view: EntryView, name: str) -> float:
    return 0.0 if view.heartbeat is None else float(getattr(view.heartbeat, name))
