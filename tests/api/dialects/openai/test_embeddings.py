"""/v1/embeddings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import EMBEDDING, TINY, RunningServer, StartServer, copies_of_stories


def post(server: RunningServer, **body: Any) -> Any:
    return server.http.post("/v1/embeddings", json={"model": EMBEDDING, "input": "a dog"} | body)


def vector_of(answer: Any, index: int = 0) -> list[float]:
    return list(answer.json()["data"][index]["embedding"])


def test_the_client_gets_floats_through_base64(client: openai.OpenAI, server: RunningServer) -> None:
    answer = client.embeddings.create(model=EMBEDDING, input="a dog")
    assert answer.data[0].embedding == pytest.approx(vector_of(post(server)), abs=1e-6)
    assert answer.usage.prompt_tokens > 0


def test_a_vector_has_length_one(server: RunningServer) -> None:
    assert math.hypot(*vector_of(post(server))) == pytest.approx(1, abs=1e-4)


def test_a_batch_keeps_its_order(server: RunningServer) -> None:
    answer = post(server, input=["a dog", "the sun"])
    assert [item["index"] for item in answer.json()["data"]] == [0, 1]
    assert vector_of(answer, 1) == pytest.approx(vector_of(post(server, input="the sun")), abs=1e-5)


def test_a_large_batch_is_answered_whole(server: RunningServer) -> None:
    assert len(post(server, input=["a dog"] * 100).json()["data"]) == 100


def test_token_ids_are_an_input(server: RunningServer) -> None:
    assert len(post(server, input=[1, 300, 301]).json()["data"]) == 1
    assert len(post(server, input=[[1, 300], [1, 301]]).json()["data"]) == 2


def test_dimensions_shorten_and_renormalize(server: RunningServer) -> None:
    whole, short = vector_of(post(server)), vector_of(post(server, dimensions=8))
    assert len(short) == 8
    assert math.hypot(*short) == pytest.approx(1, abs=1e-5)
    assert short[0] / short[1] == pytest.approx(whole[0] / whole[1], rel=1e-4)


def test_more_dimensions_than_there_are_is_a_400(server: RunningServer) -> None:
    answer = post(server, dimensions=100_000)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "dimensions"


def test_a_model_that_can_not_embed_says_so(server: RunningServer) -> None:
    answer = post(server, model=TINY)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "capability_not_supported"


@pytest.mark.parametrize("value", [[], [1, "a"], None, 5, [[]]])
def test_an_input_that_is_none_is_a_400(server: RunningServer, value: object) -> None:
    answer = post(server, input=value)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("input")


def test_texts_and_token_ids_may_be_mixed(server: RunningServer) -> None:
    assert len(post(server, input=["a dog", [1, 300]]).json()["data"]) == 2


def test_llama_cpps_route_answers_as_llama_server_does(server: RunningServer) -> None:
    answer = server.http.post("/embedding", json={"model": EMBEDDING, "content": ["a dog", "the sun"]}).json()
    assert [each.keys() for each in answer] == [{"index", "embedding"}] * 2
    (vector,) = answer[0]["embedding"]
    assert vector == pytest.approx(vector_of(post(server)), abs=1e-5)


def test_llama_cpps_route_normalizes_as_it_is_told(server: RunningServer) -> None:
    def vector(norm: int) -> list[float]:
        body = {"model": EMBEDDING, "input": "a dog", "embd_normalize": norm}
        return list(server.http.post("/embedding", json=body).json()[0]["embedding"][0])

    raw = vector(-1)
    assert abs(math.hypot(*raw) - 1) > 0.01
    assert max(map(abs, vector(0))) == pytest.approx(32760, abs=1)
    assert sum(map(abs, vector(1))) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("body", [{}, {"content": []}, {"content": "a", "embd_normalize": -2}])
def test_llama_cpps_route_says_what_is_missing(server: RunningServer, body: dict[str, Any]) -> None:
    answer = server.http.post("/embedding", json={"model": EMBEDDING} | body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in ("content", "embd_normalize")


def test_a_model_without_pooling_answers_a_vector_of_each_token(start_server: StartServer, tmp_path: Path) -> None:
    (entry,) = (each for each in copies_of_stories(tmp_path) if each["kind"] == "embedding")
    entry["context"] |= {"pooling": "none"}
    server = start_server(models=[entry])
    (answer,) = server.http.post("/embedding", json={"content": [[1, 300, 301]]}).json()
    assert [len(vector) for vector in answer["embedding"]] == [64] * 3
    refused = server.http.post("/v1/embeddings", json={"input": "a dog"}).json()["error"]
    assert (refused["code"], refused["param"]) == ("capability_not_supported", "model")
    assert "/embedding" in refused["message"]
    many = server.http.post("/embedding", json={"content": [[300] * 500] * 600}).json()["error"]
    assert many["message"].startswith("the inputs have 300000 tokens")
