"""The response cache in Prometheus' words, read at scrape time."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lsrv.response_cache import ResponseCache


class CacheCollector(Collector):
    """Samples of the response cache. Never touches the disk: of the file it tells what the last write left."""

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "lsrv_response_cache_requests",
            "Requests that the response cache could answer, by where the answer came from.",
            labels=["model", "outcome"],
        )
        for outcome, by_model in self._cache.counts.items():
            for model_id, count in by_model.items():
                requests.add_metric([model_id, outcome], count)
        yield requests
        held = GaugeMetricFamily("lsrv_response_cache_bytes", "What the kept answers take.", labels=["tier"])
        held.add_metric(["memory"], self._cache.n_memory_bytes)
        held.add_metric(["disk"], self._cache.n_disk_bytes)
        yield held
