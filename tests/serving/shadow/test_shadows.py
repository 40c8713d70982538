"""Shadow copies over HTTP: what they measure, and that nobody notices them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import RunningServer, StartServer, copies_of_stories, wait_until
from tests.upstream_server import UpstreamServer

MESSAGES: Any = [{"role": "user", "content": "Once upon a time"}]


@pytest.fixture
def upstream() -> Iterator[UpstreamServer]:
    with UpstreamServer() as running:
        yield running


def entries(folder: Path, *names: str) -> list[dict[str, Any]]:
    """The same small model under several names."""
    return [
        each | {"alias": name, "kind": "text"} for each, name in zip(copies_of_stories(folder), names, strict=False)
    ]


def ask(client: openai.OpenAI, model: str = "r", **options: Any) -> str:
    answer = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=8, temperature=0, **options)
    return answer.choices[0].message.content or ""


def shadows(front: RunningServer, route: str = "r") -> dict[str, dict[str, Any]]:
    return {each["model"]: each for each in front.http.get(f"/v1/routes/{route}").json()["shadow"]}


def test_copies_are_measured_and_compared(start_server: StartServer, tmp_path: Path) -> None:
    models = entries(tmp_path, "main", "twin", "odd")
    models[2]["defaults"] = {"stop": ["little"]}
    route = {"model_id": "r", "split": [{"model": "main"}], "shadow": ["twin", "odd", "main"]}
    front = start_server(server={"spare_workers": 1}, models=models, routes=[route])
    client = front.openai()
    ask(client, extra_headers={"cache-control": "no-store"})  # nobody may keep it: it is not copied
    said = ask(client)
    stream = client.chat.completions.create(model="r", messages=MESSAGES, max_tokens=8, temperature=0, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == said
    wait_until(lambda: shadows(front)["twin"]["n_equal"] == 2 and shadows(front)["odd"]["n_different"] == 2)
    twin, odd, main = shadows(front).values()
    assert twin["n_different"] == twin["n_failed"] == twin["n_dropped"] == twin["n_waiting"] == 0
    assert twin["differences"] == []
    assert 0 < twin["ttft_s"] <= twin["total_s"] and twin["n_completion_tokens"] == 16
    [_, first] = odd["differences"]
    assert (
        first["answer"] == said
        and first["shadow"] != said
        and first["answer"][: first["at"]] == first["shadow"][: first["at"]]
    )
    assert main["n_equal"] == 0  # who answers needs no copy
    assert front.metric("lsrv_shadow_copies_total", route="r", model="odd", outcome="different") == 2
    assert front.metric("lsrv_shadow_tokens_total", route="r", model="twin", kind="completion") == 16
    assert front.metric("lsrv_route_requests_total", route="r", model="main", outcome="answered") == 3
    assert front.http.get("/v1/routes").json()["data"][0]["id"] == "r"
    assert front.http.get("/v1/routes/nobody").status_code == 404


def test_a_copy_waits_for_room_and_evicts_nobody(start_server: StartServer, tmp_path: Path) -> None:
    models = entries(tmp_path, "main", "twin")
    route = {"model_id": "r", "split": [{"model": "main"}], "shadow": "twin"}
    front = start_server(server={"max_loaded_models": 1, "spare_workers": 1}, models=models, routes=[route])
    said = ask(front.openai())
    wait_until(lambda: shadows(front)["twin"]["n_waiting"] == 1)
    assert ask(front.openai()) == said
    assert front.metric("lsrv_model_unloads_total", reason="evicted") == 0
    assert front.http.post("/v1/models/status", json={"model": "main"}).json()["status"] == "loaded"
    front.http.post("/v1/models/unload", json={"model": "main"})
    wait_until(lambda: shadows(front)["twin"]["n_equal"] == 2)
    assert ask(front.openai()) == said  # the copies' model leaves for it


def test_a_copy_that_fails_says_why(start_server: StartServer, tmp_path: Path, upstream: UpstreamServer) -> None:
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("good")}}
    route = {"model_id": "r", "split": [{"model": "far"}], "shadow": "main"}
    front = start_server(server={"spare_workers": 1}, models=[far, *entries(tmp_path, "main")], routes=[route])
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: Any = [{"role": "user", "content": [image]}]
    front.openai().chat.completions.create(model="r", messages=messages)
    wait_until(lambda: shadows(front)["main"]["n_failed"] == 1)
    assert "takes text alone" in shadows(front)["main"]["last_error"]


@pytest.mark.parametrize("is_streaming", [False, True])
def test_the_answer_of_an_upstream_is_compared(
    start_server: StartServer, tmp_path: Path, server: RunningServer, is_streaming: bool
) -> None:
    story = {"model_id": "story", "kind": "upstream", "upstream": {"base_url": f"{server.url}/v1", "model": "tiny"}}
    route = {"model_id": "r", "split": [{"model": "story"}], "shadow": "main"}
    front = start_server(server={"spare_workers": 1}, models=[story, *entries(tmp_path, "main")], routes=[route])
    options: Any = {"model": "r", "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
    answer = front.http.post("/v1/completions", json=options | {"n": 2, "seed": 1, "stream": is_streaming})
    assert answer.status_code == 200
    wait_until(lambda: shadows(front)["main"]["n_equal"] == 1)


@pytest.mark.parametrize("is_streaming", [False, True])
def test_calls_of_tools_are_compared(
    start_server: StartServer, tmp_path: Path, upstream: UpstreamServer, is_streaming: bool
) -> None:
    there = {"base_url": upstream.base_url("good")}
    far, twin = ({"model_id": name, "kind": "upstream", "upstream": there} for name in ("far", "twin"))
    route = {
        "model_id": "r",
        "split": [{"model": "far"}],
        "shadow": ["twin", "main"],
        "shadow_upstreams": True,
    }
    front = start_server(server={"spare_workers": 1}, models=[far, twin, *entries(tmp_path, "main")], routes=[route])
    front.http.post(
        "/v1/chat/completions", json={"model": "r", "messages": MESSAGES, "max_tokens": 4, "stream": is_streaming}
    )
    wait_until(lambda: shadows(front)["twin"]["n_equal"] == 1 and shadows(front)["main"]["n_different"] == 1)
    assert shadows(front)["main"]["differences"][0]["answer"] == '\nweather({"city": "Rome"})'


def test_a_request_that_comes_ends_a_copy(start_server: StartServer, tmp_path: Path, upstream: UpstreamServer) -> None:
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("gated")}}
    route = {"model_id": "r", "split": [{"model": "main"}], "shadow": "far", "shadow_upstreams": True}
    front = start_server(server={"spare_workers": 1}, models=[*entries(tmp_path, "main"), far], routes=[route])
    for n_asked in (1, 2):
        ask(front.openai())
        wait_until(lambda n_asked=n_asked: len(upstream.requests_to("gated")) == n_asked)
    assert shadows(front)["far"]["n_dropped"] == 1  # the first one, which is not paid for twice
    upstream.script.gate.release(20)
    wait_until(lambda: shadows(front)["far"]["n_different"] == 1)
    assert shadows(front)["far"]["differences"][0]["shadow"] == "onetwo"


def test_texts_of_shadows_are_for_admins(start_server: StartServer) -> None:
    front = start_server(server={"api_keys": ["user"], "admin_keys": ["admin"]})
    for path in ("/v1/routes", "/routes", "//routes/x"):
        assert front.http.get(front.url + path, headers={"x-api-key": "user"}).status_code == 403
    assert front.http.get("/v1/routes", headers={"x-api-key": "admin"}).json() == {"object": "list", "data": []}
