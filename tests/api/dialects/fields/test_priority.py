"""Whose turn it is, over HTTP: `priority`, OpenAI's `service_tier`, and what an entry says for both."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from typing import Any

import openai
import pytest

from tests.conftest import EMBEDDING, OTHER, TINY, RunningServer, copies_of_stories, wait_until

CHAT: list[Any] = [{"role": "user", "content": "Once upon a time"}]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Models that take one request at a time; the second one's requests have priority 2 unless they say."""
    models = copies_of_stories(tmp_path_factory.mktemp("models"))
    for model in models:
        model |= {"max_concurrency": 1}
    models[0] |= {"context": {"context_length": 100_000, "slots": 1}}
    models[1] |= {"defaults": {"priority": 2}}
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": models}, {})
    yield running
    running.stop()


@pytest.fixture
def client(narrow: RunningServer) -> Iterator[openai.OpenAI]:
    with narrow.openai() as client:
        yield client


def ended(server: RunningServer, names: Collection[str]) -> list[str]:
    """Which of these requests have ended, in the server's own order: threads of clients learn of it in any."""
    request_ids = [line["request_id"] for line in server.log_lines("request")]
    return [request_id for request_id in request_ids if request_id in names]


def order_behind_a_long_answer(
    narrow: RunningServer, client: openai.OpenAI, waiting: dict[str, dict[str, Any]]
) -> list[str]:
    """In which order requests end that came one after another while the model was busy."""

    def ask(name: str, fields: dict[str, Any]) -> None:
        headers = {"x-request-id": name}
        client.chat.completions.create(model=TINY, messages=CHAT, max_tokens=1, extra_headers=headers, **fields)

    with client.chat.completions.create(
        model=TINY, messages=CHAT, max_tokens=90_000, stream=True, extra_body={"ignore_eos": True}
    ) as long:
        next(iter(long))
        threads = [threading.Thread(target=ask, args=item) for item in waiting.items()]
        for n_waiting, thread in enumerate(threads, 1):
            thread.start()
            wait_until(lambda n=n_waiting: narrow.metric("lsrv_requests_waiting") == n)
    for thread in threads:
        thread.join()
    wait_until(lambda: len(ended(narrow, waiting)) == len(waiting))
    return ended(narrow, waiting)


def test_the_queue_goes_by_priority_and_by_service_tier(narrow: RunningServer, client: openai.OpenAI) -> None:
    waiting = {
        "flex": {"service_tier": "flex"},
        "usual": {},
        "default": {"service_tier": "default"},
        "priority": {"service_tier": "priority"},
        "2": {"extra_body": {"priority": 2}},
    }
    order = order_behind_a_long_answer(narrow, client, waiting)
    assert order == ["2", "priority", "usual", "default", "flex"]


@pytest.mark.parametrize(
    ("model", "fields", "used"),
    [
        (TINY, {"service_tier": "priority"}, "priority"),
        (TINY, {"service_tier": "fast"}, "priority"),
        (TINY, {"service_tier": "flex"}, "flex"),
        (TINY, {"service_tier": "auto"}, "default"),
        (TINY, {"service_tier": "scale"}, "default"),
        (TINY, {"service_tier": "flex", "extra_body": {"priority": 0}}, "default"),
        (TINY, {"extra_body": {"priority": 1}}, None),
        (OTHER, {"service_tier": "auto"}, "priority"),
        (OTHER, {"service_tier": "default"}, "default"),
    ],
)
def test_an_answer_names_the_tier_that_was_used_if_the_request_named_one(
    client: openai.OpenAI, model: str, fields: dict[str, Any], used: str | None
) -> None:
    ask = {"model": model, "messages": CHAT, "max_tokens": 2} | fields
    answer = client.chat.completions.create(**ask)
    assert answer.service_tier == used
    assert {chunk.service_tier for chunk in client.chat.completions.create(stream=True, **ask)} == {used}


def test_completions_take_both_too(narrow: RunningServer) -> None:
    body = {"model": TINY, "prompt": "Once", "max_tokens": 2, "service_tier": "flex", "priority": 3}
    assert narrow.http.post("/v1/completions", json=body).json()["service_tier"] == "priority"


@pytest.mark.parametrize("priority", [11, -11, 1.5, "1", True])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/chat/completions", {"messages": CHAT}),
        ("/v1/completions", {"prompt": "Once"}),
        ("/v1/embeddings", {"model": EMBEDDING, "input": "Once"}),
        ("/v1/rerank", {"query": "Once", "documents": ["a"]}),
        ("/embedding", {"model": EMBEDDING, "input": "Once"}),
    ],
)
def test_what_is_no_priority_is_refused_by_name(
    narrow: RunningServer, path: str, fields: dict[str, Any], priority: object
) -> None:
    answer = narrow.http.post(path, json={"model": TINY, "priority": priority} | fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "priority")


def test_an_unknown_tier_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=TINY, messages=CHAT, service_tier="gold")  # type: ignore[call-overload]
    assert caught.value.param == "service_tier"


def test_vectors_go_by_priority(narrow: RunningServer) -> None:
    """The first request has so many texts that the others wait for it."""
    requests = {"many": (200, 0), "single": (1, 0), "urgent": (1, 1)}

    def ask(name: str, n_texts: int, priority: int) -> None:
        body = {"model": EMBEDDING, "input": ["Once upon a time " * 40] * n_texts, "priority": priority}
        narrow.http.post("/v1/embeddings", json=body, headers={"x-request-id": name}).raise_for_status()

    narrow.http.post("/v1/models/load", json={"model_id": EMBEDDING})
    threads = [threading.Thread(target=ask, args=(name, *each)) for name, each in requests.items()]
    for n, thread in enumerate(threads):
        thread.start()
        wait_until(
            lambda n=n: narrow.metric("lsrv_requests_running") == 1 and narrow.metric("lsrv_requests_waiting") == n
        )
    for thread in threads:
        thread.join()
    wait_until(lambda: len(ended(narrow, requests)) == len(requests))
    assert ended(narrow, requests) == ["many", "urgent", "single"]
