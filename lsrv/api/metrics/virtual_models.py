"""Routes and their shadows in Prometheus' words, read at scrape time. Labels are names in models.toml."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from lsrv.registry import RouteView, Routing
from lsrv.serving.shadow.copies import Shadow
from lsrv.serving.shadow.shadows import Shadows
from lsrv.serving.shadow.tally import Tally

_MEMBER = ["route", "model"]


class RouteCollector(Collector):
    """Samples of the routes of one server."""

    def __init__(self, routing: Routing, shadows: Shadows) -> None:
        self._routing = routing
        self._shadows = shadows

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        yield from _members(self._routing.view_all())
        yield from _copies(self._shadows.tallies())


def _copies(tallies: Iterable[tuple[Shadow, Tally]]) -> Iterable[Metric]:
    copies = CounterMetricFamily(
        "lsrv_shadow_copies", "Copies for shadows, by what became of them.", labels=[*_MEMBER, "outcome"]
    )
    seconds = CounterMetricFamily(
        "lsrv_shadow_seconds", "Time of answered copies: to the first text, and all.", labels=[*_MEMBER, "part"]
    )
    tokens = CounterMetricFamily("lsrv_shadow_tokens", "Tokens of answered copies.", labels=[*_MEMBER, "kind"])
    for shadow, tally in tallies:
        copies.add_metric([*shadow, "equal"], tally.n_equal)
        copies.add_metric([*shadow, "different"], tally.n_different)
        copies.add_metric([*shadow, "failed"], tally.n_failed)
        copies.add_metric([*shadow, "dropped"], tally.n_dropped)
        seconds.add_metric([*shadow, "ttft"], tally.ttft_s)
        seconds.add_metric([*shadow, "total"], tally.total_s)
        tokens.add_metric([*shadow, "prompt"], tally.n_prompt_tokens)
        tokens.add_metric([*shadow, "completion"], tally.n_completion_tokens)
    yield from (copies, seconds, tokens)


def _members(routes: Iterable[RouteView]) -> Iterable[Metric]:
    answers = CounterMetricFamily(
        "lsrv_route_requests", "Requests that a route gave to a model, by their end.", labels=[*_MEMBER, "outcome"]
    )
    fallbacks = CounterMetricFamily(
        "lsrv_route_fallbacks", "Those that came because another model had failed.", labels=_MEMBER
    )
    for route, member in ((each.model_id, member) for each in routes for member in each.members):
        answers.add_metric([route, member.model, "answered"], member.n_answered)
        answers.add_metric([route, member.model, "failed"], member.n_failed)
        fallbacks.add_metric([route, member.model], member.n_fallbacks)
    yield from (answers, fallbacks)
