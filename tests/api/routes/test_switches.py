"""Models that are disabled: by models.toml, over HTTP, on the command line; of this machine and of others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import OTHER, TINY, RunningServer, StartServer, copies_of_stories, wait_until
from tests.upstream_server import UpstreamServer


def switch(server: RunningServer, verb: str, model: str, query: str = "") -> httpx.Response:
    return server.http.post(f"/v1/models/{verb}{query}", json={"model_id": model})


def ask(server: RunningServer, model: str) -> httpx.Response:
    return server.http.post("/v1/completions", json={"model": model, "prompt": "Once", "max_tokens": 2})


def refusal(server: RunningServer, model: str) -> tuple[int, str]:
    answer = ask(server, model)
    return answer.status_code, answer.json()["error"]["code"]


def row(server: RunningServer, model: str) -> list[str]:
    """What `lsrv ps` shows of a model."""
    (line,) = [line for line in lsrv(server, "ps").stdout.splitlines() if line.startswith(model)]
    return line.split()


def lsrv(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, environ = [sys.executable, "-m", "lsrv", *arguments], os.environ | {"LSRV_URL": server.url}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)


def test_a_disabled_model_leaves_memory_and_refuses_until_it_is_enabled(start_server: StartServer) -> None:
    own = start_server()
    assert ask(own, TINY).status_code == 200
    assert switch(own, "disable", TINY).json() == {"model_id": TINY, "status": "disabled"}
    wait_until(lambda: not own.worker_pids())
    assert refusal(own, TINY) == (409, "model_disabled")
    assert "lsrv enable" in ask(own, TINY).json()["error"]["message"]
    shown = own.http.get(f"/v1/models/{TINY}").json()
    assert (shown["status"], shown["endpoint_status"]) == ("disabled", "disabled")
    assert TINY not in [model["id"] for model in own.http.get("/v1/models?available=true").json()["data"]]
    assert own.metric("lsrv_model_state", model=own.model_path(TINY), state="disabled") == 1
    assert switch(own, "enable", TINY).json() == {"model_id": TINY, "status": "unloaded"}
    assert ask(own, TINY).status_code == 200


def test_verbs_of_a_disabled_model_say_so_and_only_loading_it_fails(start_server: StartServer) -> None:
    own = start_server()
    for verb in ("disable", "disable", "status", "unload"):
        answer = switch(own, verb, TINY, "?strict=true")
        assert (answer.status_code, answer.json()["status"]) == (200, "disabled")
    for verb in ("load", "reload"):
        assert switch(own, verb, TINY).json()["status"] == "no_loader_config"
        assert switch(own, verb, TINY, "?strict=true").status_code == 409
    assert own.worker_pids() == []


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_a_switch_of_a_model_that_is_not_there_is_not_found(server: RunningServer, verb: str) -> None:
    assert switch(server, verb, "nope").json()["status"] == "not_found"
    assert switch(server, verb, "nope", "?strict=true").status_code == 404


def test_an_entry_may_be_disabled_from_the_start(start_server: StartServer, tmp_path: Path) -> None:
    first, second = copies_of_stories(tmp_path)[:2]
    own = start_server(models=[first, second | {"enabled": False, "preload": True}])
    assert own.http.get("/readyz").status_code == 200  # it is not waited for
    assert ask(own, TINY).status_code == 200
    assert refusal(own, OTHER) == (409, "model_disabled")
    assert row(own, OTHER)[1] == "disabled"
    switch(own, "enable", OTHER)
    assert ask(own, OTHER).status_code == 200


def test_a_disabled_default_is_refused_by_whatever_name(start_server: StartServer) -> None:
    own = start_server()
    own.http.post("/v1/models/disable", json={})
    for name in ("", "default", TINY):
        assert refusal(own, name) == (409, "model_disabled")


def test_the_command_line_switches_too(start_server: StartServer) -> None:
    own = start_server()
    done = lsrv(own, "disable", TINY)
    assert (done.returncode, done.stdout) == (0, f"{TINY}: disabled\n")
    assert row(own, TINY)[1] == "disabled"
    failed = lsrv(own, "load", TINY)
    assert failed.returncode == 1 and "is disabled" in failed.stderr
    assert lsrv(own, "enable", TINY).stdout == f"{TINY}: unloaded\n"
    assert lsrv(own, "disable", "nope").returncode == 1


def test_switching_needs_an_admin_key(start_server: StartServer) -> None:
    own = start_server(server={"api_keys": ["key"], "admin_keys": ["admin"]})
    for verb in ("enable", "disable"):
        for path in (f"/v1/models/{verb}", f"/models/{verb}"):
            answer = own.http.post(path, json={"model_id": TINY}, headers={"x-api-key": "key"})
            assert answer.status_code == 403
            answer = own.http.post(path, json={"model_id": TINY}, headers={"x-api-key": "admin"})
            assert answer.status_code == 200


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamServer]:
    with UpstreamServer() as running:
        yield running


def far(upstream: UpstreamServer, **more: Any) -> dict[str, Any]:
    return {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("good")}} | more


def test_an_upstream_is_switched_like_a_model_of_this_machine(
    start_server: StartServer, upstream: UpstreamServer
) -> None:
    own = start_server(models=[far(upstream, enabled=False)])
    assert refusal(own, "far") == (409, "model_disabled")
    assert upstream.requests_to("good") == []
    assert row(own, "far")[1] == "disabled"
    assert switch(own, "load", "far").json()["status"] == "no_loader_config"
    assert switch(own, "enable", "far").json()["status"] == "loaded"
    assert ask(own, "far").status_code == 200
    assert switch(own, "disable", "far").json()["status"] == "disabled"
    assert refusal(own, "far") == (409, "model_disabled")


def test_a_route_passes_a_disabled_model_over(
    start_server: StartServer, upstream: UpstreamServer, tmp_path: Path
) -> None:
    near = copies_of_stories(tmp_path)[0]
    route = {"model_id": "r", "split": [{"model": "far"}], "fallback": [TINY]}
    own = start_server(models=[near, far(upstream, enabled=False)], routes=[route])
    assert ask(own, "r").json()["model"] == TINY
