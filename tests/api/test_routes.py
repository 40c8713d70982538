"""Routes over HTTP: splits over real models, fallbacks from a scripted server to a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import TINY, RunningServer, StartServer, copies_of_stories
from tests.upstream_server import UpstreamServer

MESSAGES: Any = [{"role": "user", "content": "Once upon a time"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamServer]:
    with UpstreamServer() as running:
        yield running


@pytest.fixture(scope="module")
def front(server: RunningServer, upstream: UpstreamServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`small` and `large` are here; `story` and `vectors` are the same real server; the others are scripted."""
    names = ("good", "busy", "fail", "refuse", "stall", "error_event", "role_only", "broke")
    local = copies_of_stories(tmp_path_factory.mktemp("routes"))[:2]
    local[0] |= {"alias": "small", "context": {"context_length": 64, "slots": 1}}
    local[1] |= {"alias": "large", "context": {"context_length": 512, "slots": 1}}
    far = [{"model_id": name, "kind": "upstream", "upstream": {"base_url": upstream.base_url(name)}} for name in names]
    story = {"model_id": "story", "kind": "upstream", "upstream": {"base_url": server.url, "model": TINY}}
    routes = [
        {"model_id": "even", "split": [{"model": "good"}, {"model": "story"}]},
        {"model_id": "spare", "split": [{"model": "busy"}], "fallback": ["fail", "story"]},
        {"model_id": "wrong", "split": [{"model": "refuse"}], "fallback": ["story"]},
        {"model_id": "late", "split": [{"model": "error_event"}], "fallback": ["story"]},
        {"model_id": "mute", "split": [{"model": "role_only"}], "fallback": ["story"]},
        {"model_id": "poor", "split": [{"model": "broke"}], "fallback": ["story"]},
        {"model_id": "hopeless", "split": [{"model": "busy"}], "fallback": ["fail"]},
        {"model_id": "longer", "split": [{"model": "small"}], "fallback": ["large"]},
        {"model_id": "images", "split": [{"model": "small"}], "fallback": ["good"]},
    ]
    head = {"port": 0, "spare_workers": 0}
    running = RunningServer({"server": head, "models": [*local, *far, story], "routes": routes}, {})
    yield running
    running.stop()


@pytest.fixture
def client(front: RunningServer) -> openai.OpenAI:
    for name in ("fail", "busy"):
        front.http.post("/v1/models/load", json={"model": name})  # failures of other tests don't count
    return front.openai()


def answered_by(client: openai.OpenAI, model: str, **options: Any) -> str:
    return client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=2, **options).model


def members(front: RunningServer, route: str) -> dict[str, tuple[int, int]]:
    """(answered, failed) by model."""
    shown = front.http.get(f"/v1/models/{route}").json()["route"]
    return {each["model"]: (each["n_answered"], each["n_failed"]) for each in shown}


def test_a_user_stays_with_one_model_and_users_are_spread(client: openai.OpenAI) -> None:
    by_user = {user: {answered_by(client, "even", user=user) for _ in range(3)} for user in "abcdefgh"}
    assert all(len(models) == 1 for models in by_user.values())
    assert set.union(*by_user.values()) == {"good", "story"}
    session = {answered_by(client, "even", user=user, extra_body={"session_id": "s"}) for user in "abcdefgh"}
    assert len(session) == 1


@pytest.mark.parametrize("is_streaming", [False, True])
def test_who_fails_before_the_answer_is_replaced(
    front: RunningServer, client: openai.OpenAI, is_streaming: bool
) -> None:
    before = members(front, "spare")
    if is_streaming:
        stream = client.chat.completions.create(model="spare", messages=MESSAGES, max_tokens=2, stream=True)
        assert {chunk.model for chunk in stream} == {"story"}
    else:
        assert answered_by(client, "spare") == "story"
    after = members(front, "spare")
    shown = front.http.get("/v1/routes/spare").json()["members"]
    assert {each["model"]: each["n_fallbacks"] for each in shown}["story"] == after["story"][0]
    assert front.metric("lsrv_route_fallbacks_total", route="spare", model="story") == after["story"][0]
    assert after["busy"] == (0, before["busy"][1] + 1) and after["story"] == (before["story"][0] + 1, 0)


def test_the_first_error_is_told_when_all_fail(client: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError, match="slow down"):
        answered_by(client, "hopeless")


@pytest.mark.parametrize("route", ["mute", "poor"])
def test_a_role_is_no_answer_and_what_is_wrong_with_a_server_is_not_wrong_with_the_request(
    client: openai.OpenAI, route: str
) -> None:
    stream = client.chat.completions.create(model=route, messages=MESSAGES, max_tokens=2, stream=True)
    assert {chunk.model for chunk in stream} == {"story"}


def test_a_wrong_request_is_asked_of_nobody_else(front: RunningServer, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="top_k is unknown"):
        answered_by(client, "wrong")
    assert members(front, "wrong")["story"] == (0, 0)


def test_an_answer_that_has_begun_is_not_begun_again(front: RunningServer, client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="the model died"):
        list(client.chat.completions.create(model="late", messages=MESSAGES, stream=True))
    assert members(front, "late") == {"error_event": (0, 1), "story": (0, 0)}


def test_a_prompt_too_long_for_one_goes_to_another(client: openai.OpenAI) -> None:
    options: Any = {"prompt": "Once upon a time " * 30, "max_tokens": 2}
    assert client.completions.create(model="longer", **options).model == "large"
    assert client.completions.create(model="default", **options).model == "large"  # which is loaded now
    with pytest.raises(openai.BadRequestError, match=r"context"):
        client.completions.create(model="small", **options)


def test_what_our_engine_can_not_do_goes_to_who_can(client: openai.OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: Any = [{"role": "user", "content": [image]}]
    assert client.chat.completions.create(model="images", messages=messages).model == "good"


def test_a_model_without_a_chat_template_answers_a_chat_by_an_assumed_one(
    start_server: StartServer, tmp_path: Path
) -> None:
    plain = copies_of_stories(tmp_path)[0]
    del plain["chat_template"]
    front = start_server(models=[plain], routes=[{"model_id": "r", "split": [{"model": TINY}]}])
    assert answered_by(front.openai(), "r") == TINY


def test_an_operator_may_choose_a_route_as_the_default(
    start_server: StartServer, upstream: UpstreamServer, tmp_path: Path
) -> None:
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("good")}}
    models, routes = [*copies_of_stories(tmp_path)[:1], far], [{"model_id": "r", "split": [{"model": "far"}]}]
    front = start_server(models=models, routes=routes)
    assert front.http.post("/admin/default", json={"model_id": "r"}).json() == {"default_model_id": "r"}
    assert front.http.get("/admin/status").json()["default_model_id"] == "r"
    assert answered_by(front.openai(), "") == "far"
    front.http.post("/admin/default", json={"model_id": TINY})
    assert answered_by(front.openai(), "") == TINY


def test_a_route_may_be_the_default(start_server: StartServer, upstream: UpstreamServer) -> None:
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("good")}}
    front = start_server(models=[far], routes=[{"model_id": "r", "split": [{"model": "far"}]}], default_model_id="r")
    assert answered_by(front.openai(), "") == "far"
    assert members(front, "default")["far"] == (1, 0)
    assert front.http.get("/v1/models/default").json()["id"] == "default"
    answer = front.http.post("/v1/models/status", json={}).json()
    assert answer["status"] == "not_found" and "'r' is a route and no model" in answer["error"]


def test_routes_are_listed_behind_the_models(front: RunningServer) -> None:
    listed = [model["id"] for model in front.http.get("/v1/models").json()["data"]]
    assert listed[-9:] == ["even", "spare", "wrong", "late", "mute", "poor", "hopeless", "longer", "images"]
    assert front.http.get("/v1/models/even").json()["endpoint_status"] == "ready"


def test_a_route_is_no_model_to_load(front: RunningServer) -> None:
    answer = front.http.post("/v1/models/load", json={"model": "even"}).json()
    assert answer["status"] == "not_found" and "is a route and no model" in answer["error"]
