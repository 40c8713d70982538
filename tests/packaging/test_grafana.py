"""The dashboard asks only for metrics, and for labels of them, that a server really exposes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import OTHER, TINY, RunningServer, copies_of_stories

DASHBOARD = json.loads((Path(__file__).parents[2] / "packaging" / "grafana" / "lsrv.json").read_text())
ADDED_BY_PROMETHEUS = {"job", "instance"}

_METRIC = re.compile(r"\b((?:lsrv|process)_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*=?[=~!]")
_BY = re.compile(r"\bby \(([^)]*)\)")
_LEGEND = re.compile(r"\{\{(\w+)\}\}")


def _queries() -> Iterator[tuple[str, str]]:
    """(expression, legend) of every panel, then the variables."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"], target["legendFormat"]
    for variable in DASHBOARD["templating"]["list"]:
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
        if found is not None:
            yield f"sum by ({found[2]}) ({found[1]})", ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has a route, a shadow of it, and a response cache."""
    models = [model | {"response_cache": True} for model in copies_of_stories(tmp_path_factory.mktemp("models"))[:2]]
    running = RunningServer(
        {
            "server": {"port": 0, "spare_workers": 0},
            "models": models,
            "routes": [{"model_id": "r", "split": [{"model": TINY}], "shadow": OTHER}],
        },
        {},
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def labels_of(server: RunningServer) -> dict[str, set[str]]:
    """Label names by sample name, of a server that has answered."""
    for is_streaming in (False, True):
        body = {"model": TINY, "prompt": "Once", "max_tokens": 4, "temperature": 0, "stream": is_streaming}
        assert server.http.post("/v1/completions", json=body).status_code == 200
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(server.http.get("/metrics").text):
        assert family.documentation and family.type != "unknown", family.name
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize(("expression", "legend"), list(_queries()))
def test_every_query_names_metrics_and_labels_that_exist(
    labels_of: dict[str, set[str]], expression: str, legend: str
) -> None:
    used = _METRIC.findall(expression)
    assert used, expression
    for name, matchers in used:
        assert name in labels_of, f"{name} is no metric of the server"
        known = labels_of[name] | ADDED_BY_PROMETHEUS
        wanted = set(_MATCHER.findall(matchers))
        for group in _BY.findall(expression):
            wanted |= {label.strip() for label in group.split(",")}
        assert wanted <= known, f"{name} has no label {wanted - known}"
    groups = [{label.strip() for label in group.split(",")} for group in _BY.findall(expression)]
    shown = set.intersection(*groups) if groups else set.intersection(*(labels_of[name] for name, _ in used))
    assert set(_LEGEND.findall(legend)) <= shown | ADDED_BY_PROMETHEUS
    assert expression.count("(") == expression.count(")")


def test_every_panel_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
