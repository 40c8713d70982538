"""Anthropic's API of a running server: the same answers as in OpenAI's words, for every entry; who may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import EMBEDDING, OTHER, TINY, RunningServer, StartServer, copies_of_stories
from tests.upstream_server import UpstreamServer

MESSAGES = [{"role": "user", "content": "Once upon a time"}]
VERSION = {"anthropic-version": "2023-06-01"}


def ask(server: RunningServer, headers: dict[str, str] | None = None, **body: Any) -> Any:
    asked = {"model": TINY, "max_tokens": 8, "temperature": 0, "messages": MESSAGES} | body
    return server.http.post("/v1/messages", json=asked, headers=headers)


def events_of(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines]


def text_in(events: list[Any]) -> str:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return "".join(delta.get("text", "") for delta in deltas)


def test_the_same_question_has_the_same_answer_as_in_openais_words(server: RunningServer) -> None:
    asked = {"model": TINY, "messages": MESSAGES, "temperature": 0, "max_tokens": 8}
    theirs = server.http.post("/v1/chat/completions", json=asked).json()
    whole = ask(server).json()
    events = events_of(ask(server, stream=True).text)
    text = theirs["choices"][0]["message"]["content"]
    assert (whole["content"][0]["text"], text_in(events)) == (text, text)
    for usage in (whole["usage"], events[-2]["usage"]):
        n_prompt = usage["input_tokens"] + usage["cache_read_input_tokens"]
        assert n_prompt == theirs["usage"]["prompt_tokens"]
        assert usage["output_tokens"] == theirs["usage"]["completion_tokens"]
    assert events[0]["message"]["usage"]["input_tokens"] == theirs["usage"]["prompt_tokens"]


@pytest.mark.parametrize("body", [{}, {"system": "Be short."}, {"tools": [{"name": "f", "input_schema": {}}]}])
def test_a_count_is_what_the_answer_takes(server: RunningServer, body: dict[str, Any]) -> None:
    asked = {"model": TINY, "messages": MESSAGES} | body
    counted = server.http.post("/v1/messages/count_tokens", json=asked).json()
    usage = ask(server, **body).json()["usage"]
    assert counted == {"input_tokens": usage["input_tokens"] + usage["cache_read_input_tokens"]}


def test_an_answer_goes_on_where_the_assistant_ended(server: RunningServer) -> None:
    first = ask(server).json()["content"][0]["text"]
    half = first[: len(first) // 2].rstrip()
    more = ask(server, messages=[*MESSAGES, {"role": "assistant", "content": half}]).json()["content"][0]["text"]
    assert (half + more).startswith(first)


def test_ids_of_calls_come_back_to_where_they_came_from(server: RunningServer) -> None:
    tool = {"name": "f", "input_schema": {"type": "object", "properties": {}, "additionalProperties": False}}
    offer = {"tools": [tool], "tool_choice": {"type": "tool", "name": "f"}, "max_tokens": 60}
    first = ask(server, **offer).json()
    (call,) = first["content"]
    assert (call["type"], call["name"], call["input"], first["stop_reason"]) == ("tool_use", "f", {}, "tool_use")
    assert call["id"].startswith("toolu_")
    back = {"type": "tool_result", "tool_use_id": call["id"], "content": "done"}
    said = [*MESSAGES, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [back]}]
    assert ask(server, messages=said, tools=[tool]).json()["stop_reason"] == "max_tokens"


def test_the_id_of_a_request_is_in_its_answer_and_in_its_error(server: RunningServer) -> None:
    for answer in (ask(server), ask(server, model="nope"), server.http.get("/v1/messages")):
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
    error = ask(server, headers={"x-request-id": "abc"}, model="nope")
    assert error.json()["request_id"] == error.headers["request-id"] == "abc"
    assert "request-id" not in server.http.get("/health").headers


def test_every_entry_answers(start_server: StartServer, server: RunningServer, tmp_path: Any) -> None:
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": f"{server.url}/v1", "model": TINY}}
    own = copies_of_stories(tmp_path)[0] | {"response_cache": True}
    front = start_server(
        models=[own, far],
        routes=[{"model_id": "either", "split": [{"model": TINY, "weight": 1}]}],
        default_model_id=TINY,
    )
    text = ask(server).json()["content"][0]["text"]
    for name in (TINY, "far", "either", "default"):
        answer = ask(front, model=name)
        assert answer.json()["content"][0]["text"] == text
        assert text_in(events_of(ask(front, model=name, stream=True).text)) == text
    assert ask(front).headers["x-lsrv-cache"] == "hit"
    assert ask(front).json()["cached"] is True
    kept = events_of(ask(front, stream=True).text)
    assert kept[0]["message"]["usage"]["input_tokens"] > 0


@pytest.mark.parametrize("is_streaming", [False, True])
def test_calls_of_an_upstream_are_blocks(start_server: StartServer, is_streaming: bool) -> None:
    weather = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
    with UpstreamServer() as upstream:
        far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("good")}}
        answer = ask(start_server(models=[far]), model="far", tools=[weather], stream=is_streaming)
        (received,) = upstream.requests_to("good")
    assert received.body["tools"][0]["function"]["name"] == "weather"
    if is_streaming:
        events = events_of(answer.text)
        block = next(event["content_block"] for event in events if event["type"] == "content_block_start")
        pieces = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
        block["input"], reason = json.loads("".join(pieces)), events[-2]["delta"]["stop_reason"]
    else:
        (block,), reason = answer.json()["content"], answer.json()["stop_reason"]
    assert block == {"type": "tool_use", "id": "toolu_call_1", "name": "weather", "input": {"city": "Rome"}}
    assert reason == "tool_use"


def test_an_upstream_that_fails_is_told_in_the_stream_or_by_status(start_server: StartServer) -> None:
    with UpstreamServer() as upstream:
        far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": upstream.base_url("reset")}}
        front = start_server(models=[far])
        for _ in range(2):
            upstream.script.gate.release()
        events = events_of(ask(front, model="far", stream=True).text)
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "api_error"


def test_models_are_listed_in_anthropics_words_to_its_clients_alone(server: RunningServer) -> None:
    def page(**query: Any) -> Any:
        return server.http.get("/v1/models", headers=VERSION, params=query).json()

    whole = page(limit=1000)
    assert [model["id"] for model in whole["data"]] == [TINY, OTHER, EMBEDDING]
    assert whole["data"][0]["type"] == "model"
    assert (whole["has_more"], whole["first_id"], whole["last_id"]) == (False, TINY, EMBEDDING)
    first = page(limit=1)
    assert (first["has_more"], first["last_id"]) == (True, TINY)
    assert [model["id"] for model in page(after_id=TINY)["data"]] == [OTHER, EMBEDDING]
    before = page(before_id=EMBEDDING, limit=1)
    assert ([model["id"] for model in before["data"]], before["has_more"]) == ([OTHER], True)
    assert server.http.get("/v1/models", headers=VERSION, params={"limit": "x"}).status_code == 400
    assert server.http.get(f"/v1/models/{OTHER}", headers=VERSION).json()["display_name"] == OTHER
    assert server.http.get("/v1/models/nope", headers=VERSION).status_code == 404
    assert server.http.get("/v1/models").json()["object"] == "list"


def test_names_of_anthropics_are_aliases(start_server: StartServer, tmp_path: Any) -> None:
    own = copies_of_stories(tmp_path)[0] | {"alias": [TINY, "claude-sonnet-4-5"]}
    server = start_server(models=[own])
    listed = server.http.get("/v1/models", headers=VERSION).json()["data"]
    assert [(model["id"], model["display_name"]) for model in listed] == [(TINY, TINY), ("claude-sonnet-4-5", TINY)]
    assert ask(server, model="claude-sonnet-4-5").json()["model"] == TINY


def test_either_kind_of_key_is_taken_and_none_is_refused(start_server: StartServer) -> None:
    server = start_server(server={"api_keys": ["k"]})
    for headers in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
        assert ask(server, headers).status_code == 200
    refused = ask(server)
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
    assert server.http.head("/api/hello").status_code == 200
    assert server.http.post("/api/event_logging/batch", json={"events": []}).status_code == 200


def test_a_body_that_is_too_large_is_told(start_server: StartServer) -> None:
    server = start_server(server={"max_body_bytes": 2048})
    answer = ask(server, system="a" * 4000)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")


def test_what_its_tool_runner_sends_first_is_refused_in_the_words_that_make_it_go_on(server: RunningServer) -> None:
    """Its package for Python then sends whole conversations."""
    error = ask(server, thread={"type": "create"})
    assert error.status_code == 400
    assert error.json()["error"]["details"] == {"error_code": "thread_unsupported_request"}


def test_the_query_that_its_coding_client_adds_changes_nothing(server: RunningServer) -> None:
    asked = {"model": TINY, "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    answer = server.http.post("/v1/messages?beta=true", json=asked, headers=VERSION | {"anthropic-beta": "a,b"})
    assert answer.json()["usage"]["output_tokens"] == 1
