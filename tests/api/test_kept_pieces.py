"""`response_cache = true` on entries that answer in one piece, or elsewhere: embeddings, rerankers and upstreams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EMBEDDING, RunningServer, copies_of_stories
from tests.upstream_server import UpstreamServer

WORD = "x-lsrv-cache"
RANKER, FAR, HERE = "ranker", "far", "near"
MESSAGES = [{"role": "user", "content": "Once upon a time"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamServer]:
    with UpstreamServer() as running:
        yield running


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, server: RunningServer, upstream: UpstreamServer
) -> dict[str, Any]:
    embedding = copies_of_stories(tmp_path_factory.mktemp("pieces"))[2]
    far = {"base_url": upstream.base_url("good"), "model": "their-model"}
    models: list[dict[str, Any]] = [
        embedding,
        {"model_id": "lsrv-demo-embed", "alias": [RANKER], "kind": "rerank"},
        {"model_id": FAR, "kind": "upstream", "upstream": far},
        {"model_id": HERE, "kind": "upstream", "upstream": {"base_url": server.url, "model": EMBEDDING}},
        {"model_id": "cut", "kind": "upstream", "upstream": {"base_url": upstream.base_url("cut")}},
    ]
    return {"server": {"port": 0, "spare_workers": 0}, "models": [each | {"response_cache": True} for each in models]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def started(settings: dict[str, Any], folder: Path) -> RunningServer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSRV_CACHE", str(folder))
        return RunningServer(settings, {})


@pytest.fixture(scope="module")
def caching(settings: dict[str, Any], folder: Path) -> Iterator[RunningServer]:
    running = started(settings, folder)
    yield running
    running.stop()


def embed(server: RunningServer, texts: list[str], model: str = EMBEDDING, **options: Any) -> Any:
    headers = options.pop("headers", None)
    answer = server.http.post("/v1/embeddings", json={"model": model, "input": texts} | options, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def vectors(answer: Any) -> list[list[float]]:
    return [each["embedding"] for each in answer.json()["data"]]


def n_prompt_tokens(server: RunningServer) -> float:
    return server.metric("lsrv_prompt_tokens_total", model=server.model_path(EMBEDDING))


def chat(server: RunningServer, model: str = FAR, **fields: Any) -> Any:
    return server.http.post(
        "/v1/chat/completions", json={"model": model, "messages": MESSAGES, "temperature": 0} | fields
    )


def test_a_text_is_embedded_once_whatever_stands_beside_it(caching: RunningServer) -> None:
    first = embed(caching, ["one", "two words"])
    assert first.headers[WORD] == "miss"
    n_computed = n_prompt_tokens(caching)
    again = embed(caching, ["two words", "one", "one"])
    assert again.headers[WORD] == "hit"
    assert vectors(again) == [vectors(first)[1], vectors(first)[0], vectors(first)[0]]
    assert n_prompt_tokens(caching) == n_computed
    mixed = embed(caching, ["one", "three"])
    assert (mixed.headers[WORD], vectors(mixed)[0]) == ("miss", vectors(first)[0])
    alone = embed(caching, ["three"])
    n_new = n_prompt_tokens(caching) - n_computed
    assert n_new == alone.json()["usage"]["prompt_tokens"], "of the two texts one was computed"
    assert embed(caching, ["one", "two words"]).json()["usage"] == first.json()["usage"]


def test_a_kept_vector_is_shortened_and_written_as_each_request_asks(caching: RunningServer) -> None:
    whole = vectors(embed(caching, ["four"]))[0]
    short = embed(caching, ["four"], dimensions=8)
    assert short.headers[WORD] == "hit"
    length = sum(value * value for value in whole[:8]) ** 0.5
    assert vectors(short)[0] == pytest.approx([value / length for value in whole[:8]], abs=1e-6)
    ollama = caching.http.post("/api/embed", json={"model": EMBEDDING, "input": "four"})
    assert ollama.headers[WORD] in ("hit", "miss") and ollama.json()["embeddings"][0] == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("past", [{"response_cache": False}, {"headers": {"cache-control": "no-store"}}])
def test_who_wants_no_kept_vector_gets_a_new_one(caching: RunningServer, past: dict[str, Any]) -> None:
    embed(caching, ["five"])
    assert WORD not in embed(caching, ["five"], **past).headers


def test_vectors_of_an_upstream_are_kept_as_they_were_asked_for(caching: RunningServer) -> None:
    first = embed(caching, ["six", "seven"], HERE)
    again = embed(caching, ["six", "seven"], HERE)
    assert (first.headers[WORD], again.headers[WORD]) == ("miss", "hit")
    assert again.json() == first.json()
    assert embed(caching, ["seven", "six"], HERE).headers[WORD] == "miss"


def test_a_ranking_is_computed_once(caching: RunningServer) -> None:
    body = {"model": RANKER, "query": "who", "documents": ["a cat", "a dog"]}
    first, again, other = (
        caching.http.post("/v1/rerank", json=body | more) for more in ({}, {"top_n": 1}, {"query": "what"})
    )
    assert [each.headers[WORD] for each in (first, again, other)] == ["miss", "hit", "miss"]
    assert again.json()["results"] == first.json()["results"][:1]
    assert again.json()["usage"] == first.json()["usage"]


def test_an_upstream_is_asked_once_for_what_it_says_again(caching: RunningServer, upstream: UpstreamServer) -> None:
    n_before = len(upstream.requests_to("good"))
    first, again = chat(caching, seed=1), chat(caching, seed=1, user="somebody else")
    assert (first.headers[WORD], again.headers[WORD]) == ("miss", "hit")
    assert len(upstream.requests_to("good")) == n_before + 1
    assert again.json()["choices"] == first.json()["choices"]
    assert again.json()["cached"] is True and "cached" not in first.json()
    chat(caching, seed=2)
    chat(caching, seed=1, response_cache=False)
    assert WORD not in chat(caching, temperature=0.5).headers
    assert len(upstream.requests_to("good")) == n_before + 4


def test_a_stream_of_an_upstream_is_given_again_with_all_its_events(caching: RunningServer) -> None:
    first, again = chat(caching, stream=True, seed=3), chat(caching, stream=True, seed=3)
    assert (first.headers[WORD], again.headers[WORD]) == ("miss", "hit")
    assert [_without_time(line) for line in again.text.splitlines()] == [
        _without_time(line) for line in first.text.splitlines() if not line.startswith(":")
    ]


def test_a_stream_that_breaks_off_is_not_kept(caching: RunningServer) -> None:
    words = [chat(caching, "cut", stream=True).headers.get(WORD) for _ in range(2)]
    assert "hit" not in words


def test_an_upstream_behind_another_dialect_is_asked_once_too(caching: RunningServer, upstream: UpstreamServer) -> None:
    body = {"model": FAR, "messages": MESSAGES, "stream": False, "options": {"temperature": 0, "seed": 9}}
    caching.http.post("/api/chat", json=body)
    n_before = len(upstream.requests_to("good"))
    assert caching.http.post("/api/chat", json=body).headers[WORD] == "hit"
    assert len(upstream.requests_to("good")) == n_before


def test_kept_vectors_outlive_the_server(caching: RunningServer, settings: dict[str, Any], folder: Path) -> None:
    first = vectors(embed(caching, ["eight", "nine"]))
    caching.http.get(f"/v1/models/{EMBEDDING}/cache")  # behind the write, for both have one thread
    other = started(settings, folder)
    try:
        again = embed(other, ["nine", "eight"])
        assert (again.headers[WORD], vectors(again)) == ("hit", [first[1], first[0]])
        assert other.http.get(f"/v1/models/{EMBEDDING}").json()["status"] == "unloaded"
        assert other.http.delete(f"/v1/models/{EMBEDDING}/cache").status_code == 200
    finally:
        other.stop()


def _without_time(line: str) -> str:
    import re

    return re.sub(r'"(created|id)":("[^"]*"|\d+)', "", line)
