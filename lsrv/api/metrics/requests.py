"""Prometheus metrics of one server. Labels come from models.toml and the route table only: they are bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from lsrv.api.metrics.entries import EntryCollector
from lsrv.api.metrics.llamaserver import AnsweredTokens
from lsrv.protocol.events import Usage
from lsrv.registry import Registry, RegistryEvent

_WAIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LOAD_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900)
_TOKEN_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5)


class ModelMetrics:
    """The metrics of one model, looked up once per request."""

    def __init__(self, metrics: Metrics, model_id: str) -> None:
        self.ttft = metrics.ttft.labels(model_id)
        self.itl = metrics.itl.labels(model_id)
        self._queue = metrics.queue.labels(model_id)
        self._n_prompt = metrics.prompt_tokens.labels(model_id)
        self._n_cached = metrics.cached_tokens.labels(model_id)
        self.answered = AnsweredTokens()
        self._n_completion = metrics.completion_tokens.labels(model_id)

    def count_usage(self, usage: Usage, lease_wait_s: float) -> None:
        """Count a finished request. Waiting is waiting for a lease (which may load the model) and for a slot."""
        self._queue.observe(lease_wait_s + usage.queue_s)
        self._n_prompt.inc(usage.n_prompt_tokens)
        self._n_cached.inc(usage.n_cached_tokens)
        self._n_completion.inc(usage.n_completion_tokens)
        self.answered.add(usage)

    def observe_itl(self, usage: Usage) -> None:
        """The mean of an answer that came in one piece: its single tokens were not seen."""
        if usage.n_completion_tokens > 1:
            self.itl.observe(usage.decode_s / (usage.n_completion_tokens - 1))

    def count_prompt(self, n_prompt_tokens: int) -> None:
        """Count a finished request that generated nothing: embeddings, scores."""
        self._n_prompt.inc(n_prompt_tokens)


class Metrics:
    """Everything `/metrics` shows. `entries` are looked at with every scrape, which loads and wakes nothing."""

    def __init__(self, entries: Registry) -> None:
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
        self.load = Histogram(
            "lsrv_model_load_seconds",
            "Time of loads that succeeded, waiting for weights and memory included.",
            ["model"],
            buckets=_LOAD_BUCKETS,
            registry=registry,
        )
        self.event_readers = Gauge("lsrv_event_readers", "Those who watch the server's events.", registry=registry)
        self._models: dict[str, ModelMetrics] = {}
        registry.register(EntryCollector(entries))
        ProcessCollector(registry=registry)
        entries.watch(self._note)

    def of(self, model_id: str) -> ModelMetrics:
        """Metrics of one entry; `model_id` is canonical."""
        if model_id not in self._models:
            self._models[model_id] = ModelMetrics(self, model_id)
        return self._models[model_id]

    def count_request(self, model_id: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(model_id, route, str(status)).inc()
        self.request_seconds.labels(model_id, route).observe(seconds)

    def _note(self, event: RegistryEvent) -> None:
        if event.kind == "loaded" and event.load_s is not None:
            self.load.labels(event.model_id).observe(event.load_s)

    def add(self, collector: Collector) -> None:
        """Show what `collector` tells, too."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """The text format, version 0.0.4."""
        return generate_latest(self._registry)
