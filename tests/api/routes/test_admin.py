"""What an operator sees and changes under /admin, and the metrics that tell the same."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.conftest import EMBEDDING, TINY, RunningServer, StartServer, wait_until

PROMPT = "Once upon a time there was a little dog who lived in a house. " * 6


def complete(server: RunningServer, model: str | None, prompt: str = "Once") -> Any:
    answer = server.http.post("/v1/completions", json={"model": model, "prompt": prompt, "max_tokens": 4})
    assert answer.status_code == 200, answer.text
    return answer.json()


def status_of(server: RunningServer, model: str) -> dict[str, Any]:
    models = server.http.get("/admin/status").json()["models"]
    return next(each for each in models if each["id"] == model)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of its own with room for one of its models."""
    from tests.conftest import copies_of_stories

    settings = {"port": 0, "spare_workers": 0, "max_loaded_models": 1, "swap_patience": "0s"}
    models = copies_of_stories(tmp_path_factory.mktemp("models"))
    running = RunningServer({"server": settings, "models": models}, {})
    yield running
    running.stop()


def test_status_shows_plan_beside_what_is_really_used(two: RunningServer) -> None:
    complete(two, TINY)
    body = two.http.get("/admin/status").json()
    assert (body["pid"], body["is_draining"], body["default_model_id"]) == (
        two.process.pid,
        False,
        two.model_path(TINY),
    )
    assert body["uptime_s"] > 0
    tiny = status_of(two, TINY)
    worker, planned = tiny["worker"], tiny["planned_bytes"]["CPU"]
    assert worker["pid"] in two.worker_pids()
    assert worker["memory"]["rss_bytes"] >= worker["memory"]["pss_bytes"] > 1_000_000
    assert 0 < sum(tiny["memory"]["by_device"].values()) <= planned
    assert body["memory"]["CPU"]["promised_bytes"] == planned < body["memory"]["CPU"]["budget_bytes"]
    assert two.metric("lsrv_model_planned_bytes", model=two.model_path(TINY), device="CPU") == planned
    assert status_of(two, EMBEDDING)["worker"] is None


def test_an_eviction_is_told_with_its_reason(two: RunningServer) -> None:
    complete(two, TINY)
    n_before = two.metric("lsrv_model_unloads_total", model=two.model_path(TINY), reason="evicted")
    two.http.post("/v1/embeddings", json={"model": EMBEDDING, "input": "x"})
    assert two.metric("lsrv_model_unloads_total", model=two.model_path(TINY), reason="evicted") == n_before + 1
    tiny = status_of(two, TINY)
    assert tiny["n_unloads"]["evicted"] == n_before + 1
    assert f"'{EMBEDDING}' needed its place (max_loaded_models)" in tiny["unload_reason"]
    assert tiny["planned_bytes"] == {}
    n_loads = two.metric("lsrv_model_loads_total", model=two.model_path(EMBEDDING))
    assert two.metric("lsrv_model_load_seconds_count", model=two.model_path(EMBEDDING)) == n_loads >= 1


def test_logs_are_of_the_present_worker_and_of_the_one_before(two: RunningServer) -> None:
    complete(two, TINY)
    pid = status_of(two, TINY)["worker"]["pid"]
    before = two.http.get(f"/admin/models/{TINY}/logs").json()
    assert before["worker"]["pid"] == pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: two.http.get(f"/admin/models/{TINY}/logs").json()["worker"] is None)
    after = two.http.get(f"/admin/models/{TINY}/logs").json()
    assert after["previous"]["pid"] == pid
    assert "SIGKILL" in after["previous"]["end"]


def test_an_id_with_slashes_has_logs_too(two: RunningServer) -> None:
    assert two.http.get(f"/admin/models/{two.model_path(TINY)}/logs").json()["id"] == TINY
    assert two.http.get("/admin/models/other/tiny:b/logs").json()["id"] == "other/tiny:b"
    assert two.http.get("/admin/models/nobody/logs").json()["error"]["code"] == "model_not_found"
    assert two.http.get(f"/admin/models/{TINY}/nothing").json()["error"]["code"] == "route_not_found"


def test_the_cache_tells_what_it_holds_and_how_often_it_helped(two: RunningServer) -> None:
    def cache() -> dict[str, Any]:
        return two.http.get(f"/admin/models/{TINY}/cache").json()

    def n_prompts() -> int:  # by a heartbeat, which may be a second old
        return (cache()["cache"] or {}).get("n_prompts", 0)

    two.http.post("/v1/models/unload", json={"model_id": TINY})
    complete(two, TINY)
    wait_until(lambda: n_prompts() == 1)
    before = cache()
    usages = [complete(two, TINY, PROMPT)["usage"] for _ in range(2)]
    n_cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)
    assert n_cached > 10
    wait_until(lambda: n_prompts() == 3)
    after = cache()
    assert after["cache"]["n_hits"] > before["cache"]["n_hits"]
    assert after["n_cached_tokens"] - before["n_cached_tokens"] == n_cached
    assert after["n_slots"] == 4 and after["cache"]["n_slots_filled"] >= 1
    assert after["cache"]["n_slot_tokens"] >= usages[-1]["prompt_tokens"]
    assert two.metric("lsrv_prefix_hits_total", model=two.model_path(TINY)) == after["cache"]["n_hits"]


def test_the_default_can_be_another_one_for_this_run(two: RunningServer) -> None:
    answer = two.http.post("/admin/default", json={"model_id": "other/tiny:b"})
    assert answer.json() == {"default_model_id": two.model_path("other%2Ftiny:b")}
    assert complete(two, None)["model"] == "other/tiny:b"
    assert two.http.post("/admin/default", json={"model_id": "nobody"}).status_code == 404
    two.http.post("/admin/default", json={"model_id": TINY})
    assert complete(two, None)["model"] == TINY


def test_looking_wakes_nothing(start_server: StartServer) -> None:
    server = start_server()
    for path in ("/admin/status", f"/admin/models/{TINY}/logs", f"/admin/models/{TINY}/cache", "/metrics"):
        assert server.http.get(path).status_code == 200
    assert server.worker_pids() == []
    assert server.http.get(f"/admin/models/{TINY}/cache").json()["cache"] is None
