"""Streams that go on without their client, and are taken up again: llama-server's X-Conversation-Id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.conftest import TINY, RunningServer, wait_until

CHAT: dict[str, Any] = {
    "model": TINY,
    "messages": "Once upon a time",
    "temperature": 0,
    "max_tokens": 12,
    "stream": True,
}
ENDLESS = CHAT | {"max_tokens": -1, "grammar": {"type": "regex", "value": "a{400}"}}
ID = f"conv-1::{TINY}/Q8_0"


def chat(server: RunningServer, conversation_id: str = ID, **body: Any) -> httpx.Response:
    return server.http.post("/v1/chat/completions", json=CHAT | body, headers={"X-Conversation-Id": conversation_id})


def resumed(server: RunningServer, conversation_id: str = ID, **query: Any) -> httpx.Response:
    return server.http.get("/v1/stream", params={"conv_id": conversation_id} | query)


def stopped(server: RunningServer, conversation_id: str = ID) -> httpx.Response:
    return server.http.delete("/v1/stream", params={"conv_id": conversation_id})


def state(server: RunningServer, *conversation_ids: str) -> list[dict[str, Any]]:
    return server.http.post("/v1/streams/lookup", json={"conversation_ids": conversation_ids}).json()


@contextmanager
def left_alone(server: RunningServer) -> Iterator[bytes]:
    """A stream whose client reads its first bytes and leaves."""
    headers = {"X-Conversation-Id": ID}
    with server.http.stream("POST", "/v1/chat/completions", json=ENDLESS, headers=headers) as answer:
        first = next(answer.iter_bytes())
    try:
        yield first
    finally:
        stopped(server)


def test_what_was_sent_comes_again_from_any_byte(server: RunningServer) -> None:
    answer = chat(server)
    assert answer.status_code == 200
    assert answer.content.endswith(b"data: [DONE]\n\n")
    assert resumed(server).content == answer.content
    assert resumed(server, **{"from": 40}).content == answer.content[40:]
    assert resumed(server, **{"from": 10**6}).content == b""
    assert stopped(server).status_code == 204
    assert resumed(server).status_code == 404
    assert stopped(server).status_code == 204


def test_it_goes_on_without_its_client(server: RunningServer) -> None:
    with left_alone(server) as first:
        whole = resumed(server).content
        assert whole.startswith(first)
        assert whole.endswith(b"data: [DONE]\n\n")


def test_those_who_know_an_id_learn_how_far_it_has_come(server: RunningServer) -> None:
    length = len(chat(server).content)
    (told,) = state(server, "conv-1", "conv", "")
    assert (told["conversation_id"], told["is_done"], told["total_bytes"]) == (ID, True, length)
    assert told["completed_at"] >= told["started_at"] > 1_700_000_000
    assert state(server, "conv") == []
    stopped(server)


def test_whoever_stops_it_ends_the_answer(server: RunningServer) -> None:
    with left_alone(server):
        assert stopped(server).status_code == 204
        assert state(server, ID) == []
        wait_until(lambda: not any(model["n_running"] for model in server.state()["models"]))


def test_a_new_one_takes_the_place_of_the_one_before(server: RunningServer) -> None:
    with left_alone(server):
        second = chat(server)
        assert resumed(server).content == second.content


def test_a_refusal_keeps_its_status_and_leaves_nothing_behind(server: RunningServer) -> None:
    refused = chat(server, messages="Once upon a time " * 200)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert resumed(server).status_code == 404


def test_what_does_not_stream_is_not_kept(server: RunningServer) -> None:
    assert chat(server, stream=False).json()["object"] == "chat.completion"
    assert resumed(server).status_code == 404


@pytest.mark.parametrize("query", [{}, {"conv_id": ""}, {"conv_id": ID, "from": "x"}, {"conv_id": ID, "from": "-1"}])
def test_a_query_that_names_no_place_is_refused(server: RunningServer, query: dict[str, str]) -> None:
    chat(server)
    assert server.http.get("/v1/stream", params=query).status_code == 400
    stopped(server)


def test_an_id_without_end_is_refused(server: RunningServer) -> None:
    assert chat(server, "x" * 513).status_code == 400


def test_a_chat_is_as_long_as_its_usage_says(server: RunningServer) -> None:
    counted = server.http.post("/v1/chat/completions/input_tokens", json=CHAT).json()
    whole = chat(server, stream=False).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": whole["usage"]["prompt_tokens"]}
