"""llama-server's router: lists, states, verbs, events and metrics of models in its words."""

from __future__ import annotations

import json
from typing import Any

from lsrv.api.dialects.llamaserver.router import router_events, status_object
from tests.conftest import TINY, RunningServer, StartServer

CHAT: dict[str, Any] = {"model": TINY, "messages": "Once upon a time", "max_tokens": 4, "temperature": 0}


def listed(server: RunningServer) -> dict[str, Any]:
    models = server.http.get("/models").json()["data"]
    return next(model for model in models if model["id"] == TINY)


def told(server: RunningServer) -> dict[str, float]:
    text = server.http.get("/metrics", params={"model": TINY}).text
    names = [line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    found = dict(line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    assert list(found) == names
    return {name.removeprefix("llamacpp:"): float(value) for name, value in found.items()}


def test_a_model_is_loaded_and_unloaded_in_its_words(start_server: StartServer) -> None:
    own = start_server()
    assert listed(own)["status"] == {"value": "unloaded"}
    with own.http.stream("GET", "/models/sse") as watched:
        lines = watched.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        assert json.loads(first.removeprefix("data: ")) == {"model": "*", "event": "models_reload"}
        assert own.http.post("/models/load", json={"model": TINY}).json()["success"] is True
        states: list[str] = []
        for line in lines:
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                assert (event["model"], event["event"]) == (TINY, "model_status")
                states.append(event["data"]["status"])
                if states[-1] == "loaded":
                    break
    assert set(states) == {"loading", "loaded"}
    model = listed(own)
    assert model["status"] == {"value": "loaded"}
    assert model["architecture"] == {"input_modalities": ["text"], "output_modalities": ["text"]}
    assert model["path"].endswith(".gguf")
    assert own.http.post("/models/unload", json={"model": TINY}).json()["success"] is True
    assert listed(own)["status"] == {"value": "unloaded"}
    assert "success" not in own.http.post("/models/load", json={"model": "nobody"}).json()


def test_our_own_list_keeps_its_words(server: RunningServer) -> None:
    server.http.post("/v1/chat/completions", json=CHAT)
    assert server.http.get(f"/v1/models/{TINY}").json()["status"] == "loaded"
    assert "success" not in server.http.post("/v1/models/status", json={"model": TINY}).json()


def test_a_load_that_failed_says_so() -> None:
    assert status_object("error") == {"value": "unloaded", "failed": True, "exit_code": 1}


def test_progress_of_a_load_has_its_stage_and_other_news_are_left_out() -> None:
    progress = b'event: progress\ndata: {"model_id":"a","stage":"weights","fraction":0.5,"what":"x"}\n\n'
    started = b'event: request_started\ndata: {"request_id":"1","model_id":"a","route":"/"}\n\n'
    event = json.loads(router_events(started + progress).removeprefix(b"data: "))
    data = {"status": "loading", "progress": {"stages": ["weights"], "current": "weights", "value": 0.5}}
    assert event == {"model": "a", "event": "model_status", "data": data}
    assert router_events(started) == b""
    assert router_events(b": nothing new\n\n") == b": nothing new\n\n"


def test_metrics_of_one_model_count_what_its_answers_took(server: RunningServer) -> None:
    before = told(server)
    timings = [server.http.post("/v1/chat/completions", json=CHAT).json()["timings"] for _ in range(2)]
    after = told(server)
    for name, part in (("prompt_tokens_total", "prompt_n"), ("prompt_tokens_cached_total", "cache_n")):
        assert after[name] - before[name] == sum(each[part] for each in timings)
    assert after["tokens_predicted_total"] - before["tokens_predicted_total"] == 8
    assert after["tokens_predicted_seconds_total"] > before["tokens_predicted_seconds_total"]
    assert after["n_tokens_max"] >= 8
    assert server.http.get("/metrics", params={"model": "nobody"}).status_code == 404


def test_a_chat_tells_how_far_its_prompt_is_read(start_server: StartServer) -> None:
    own = start_server()
    body = CHAT | {"messages": "Once upon a time " * 60, "stream": True, "return_progress": True}
    text = own.http.post("/v1/chat/completions", json=body).text
    chunks = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]
    told_of = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
    assert told_of[-1]["processed"] == told_of[-1]["total"] > 200
    assert all(chunk["choices"][0]["delta"]["content"] == "" for chunk in chunks if "prompt_progress" in chunk)
    plain = own.http.post("/v1/chat/completions", json=body | {"return_progress": False}).text
    assert "prompt_progress" not in plain
