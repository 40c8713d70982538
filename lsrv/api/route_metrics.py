"""Routes and their shadows in Prometheus' words, read at scrape time. Labels are names in models.toml."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from lsrv.api.shadow.shadows import Shadows
from lsrv.registry import RouteView, Routing

_MEMBER = ["route", "model"]


class RouteCollector(Collector):
    """Samples of the routes of one server."""

    def __init__(self, routing: Routing, shadows: Shadows) -> None:
        self._routing = routing
        self._shadows = shadows

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        routes = self._routing.view_all()
        yield from _members(routes)
        yield from self._copies(routes)

    def _copies(self, routes: Iterable[RouteView]) -> Iterable[Metric]:
        copies = CounterMetricFamily(
            "lsrv_shadow_copies", "Copies for shadows, by what became of them.", labels=[*_MEMBER, "outcome"]
        )
        seconds = CounterMetricFamily(
            "lsrv_shadow_seconds", "Time of answered copies: to the first text, and all.", labels=[*_MEMBER, "part"]
        )
        tokens = CounterMetricFamily("lsrv_shadow_tokens", "Tokens of answered copies.", labels=[*_MEMBER, "kind"])
        for route, view in ((each.model_id, view) for each in routes for view in self._shadows.views(each.model_id)):
            n_answered = view.n_equal + view.n_different
            for outcome in ("equal", "different", "failed", "dropped"):
                copies.add_metric([route, view.model, outcome], getattr(view, f"n_{outcome}"))
            for part in ("ttft", "total"):
                seconds.add_metric([route, view.model, part], (getattr(view, f"{part}_s") or 0.0) * n_answered)
            for kind in ("prompt", "completion"):
                tokens.add_metric([route, view.model, kind], getattr(view, f"n_{kind}_tokens"))
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
