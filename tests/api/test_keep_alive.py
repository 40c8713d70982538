"""`keep_alive` of a request: how long its model stays when nobody uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EMBEDDING, TINY, RunningServer, StartServer, copies_of_stories, wait_until

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat/completions": (TINY, {"messages": "Once", "max_tokens": 1}),
    "completions": (TINY, {"prompt": "Once", "max_tokens": 1}),
    "embeddings": (EMBEDDING, {"input": "Once"}),
}


def test_a_request_that_wants_its_model_gone_has_it_unloaded(start_server: StartServer, tmp_path: Path) -> None:
    running = start_server(server={"keep_alive": "-1"}, models=copies_of_stories(tmp_path))
    for route, (model, body) in REQUESTS.items():
        assert running.http.post(f"/v1/{route}", json=body | {"model": model}).status_code == 200
        assert entry(running, model)["status"] == "loaded"
        assert running.http.post(f"/v1/{route}", json=body | {"model": model, "keep_alive": 0}).status_code == 200
        wait_until(lambda model=model: entry(running, model)["status"] == "unloaded")
        assert entry(running, model)["unload_reason"] == "idle for 0 s (keep_alive of a request)"


@pytest.mark.parametrize("keep_alive", ["abc", True, "", {}, 1e30])
def test_what_is_no_duration_is_refused_by_name(server: RunningServer, keep_alive: object) -> None:
    for route, (model, body) in REQUESTS.items():
        answer = server.http.post(f"/v1/{route}", json=body | {"model": model, "keep_alive": keep_alive})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "keep_alive")


def entry(server: RunningServer, model: str) -> dict[str, Any]:
    """What operators see of it."""
    models: list[dict[str, Any]] = server.http.get("/admin/status").json()["models"]
    return next(each for each in models if each["id"] == model)
