"""GET /v1/models/{id}/plan and `lsrv plan`: what a load would take and do, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from tests.conftest import OTHER, TINY, RunningServer, StartServer, copies_of_stories

MIB = 1024 * 1024


@pytest.fixture
def crowded(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """Two models, with room for one."""
    return start_server(server={"memory_budget": "70MiB"}, models=copies_of_stories(tmp_path)[:2])


def outlook(server: RunningServer, model: str) -> dict[str, object]:
    answer = server.http.get(f"/v1/models/{model}/plan")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_plan_says_who_would_leave_and_is_what_the_load_then_takes(crowded: RunningServer) -> None:
    before = outlook(crowded, TINY)
    assert (before["verdict"], before["evicts"], before["load_s"]) == ("fits", [], None)
    assert crowded.http.get(f"/v1/models/{TINY}").json()["status"] == "unloaded"
    crowded.http.post("/v1/models/load", json={"model_id": TINY})
    loaded = outlook(crowded, TINY)
    assert loaded["verdict"] == "loaded"
    for key in ("needed_bytes", "weights_bytes", "kv_bytes", "context_length", "slots", "path", "quantization"):
        assert loaded[key] == before[key], key
    other = outlook(crowded, OTHER)
    assert (other["verdict"], other["evicts"], other["waits_for"]) == ("evicts", [TINY], [])
    assert other["budget_bytes"] == {"CPU": 70 * MIB}
    assert str(other["budget_because"]).endswith('memory_budget = "70MiB"')
    crowded.http.post("/v1/models/load", json={"model_id": OTHER})
    assert outlook(crowded, TINY)["load_s"] is not None


def test_a_person_reads_it_as_a_table(crowded: RunningServer) -> None:
    crowded.http.post("/v1/models/load", json={"model_id": TINY})
    result = CliRunner().invoke(cli, ["plan", OTHER, "--url", crowded.url])
    assert result.exit_code == 0, result.output
    first, _, header, row, *_ = result.output.splitlines()
    assert first.startswith(f"{OTHER}: needs ") and first.endswith(f"'{TINY}' would leave at once, being idle")
    assert header.split() == ["DEVICE", "NEEDED", "BUDGET", "FREE"]
    assert row.split()[0] == "RAM" and "70.0 MiB" in row
    assert "Context of 512 tokens for each of 4 slots" in result.output
    printed = CliRunner().invoke(cli, ["plan", OTHER, "--url", crowded.url, "--json"])
    assert json.loads(printed.output) == outlook(crowded, OTHER)


def test_what_can_never_fit_is_told_with_the_numbers(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(server={"memory_budget": "41MiB"}, models=copies_of_stories(tmp_path)[:1])
    refused = outlook(server, TINY)
    assert refused["verdict"] == "refused"
    assert str(refused["summary"]).startswith("can't be loaded: it needs ")
    assert "and there is 41.0 MiB of RAM beside pinned models: lower its context_length" in str(refused["summary"])


def test_an_unknown_model_has_no_plan(server: RunningServer) -> None:
    assert server.http.get("/v1/models/no/such/plan").status_code == 404
    assert server.http.get("/v1/models/default/plan").json()["verdict"] in ("fits", "loaded")
