"""/v1/rerank, on the demo's reranker: a qwen3 that gives the probability of its label "yes"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lsrv.api.dialects.rerank import parse_rerank, rerank_body
from lsrv.errors import LsrvError
from lsrv.protocol.events import Reranked
from tests.conftest import EMBEDDING, TINY, RunningServer, copies_of_stories

RANKER = "demo-rerank"
QUERY = "which port does lsrv use?"
DOCUMENTS = ["The capital of Peru is Lima.", "lsrv listens on port 1234.", "The sum of 2 and 2 is 4."]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models = copies_of_stories(tmp_path_factory.mktemp("rerank"))
    models.append({"model_id": "lsrv-demo-embed", "alias": [RANKER], "kind": "rerank"})
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": models}, {})
    yield running
    running.stop()


def post(server: RunningServer, path: str = "/v1/rerank", **body: Any) -> Any:
    given = {"model": RANKER, "query": QUERY, "documents": DOCUMENTS} | body
    return server.http.post(path, json={name: value for name, value in given.items() if value is not None})


def error(server: RunningServer, path: str = "/v1/rerank", **body: Any) -> dict[str, Any]:
    answer = post(server, path, **body)
    assert answer.status_code == 400
    return answer.json()["error"]


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank", "/v1/reranking", "/reranking"])
def test_the_document_that_answers_comes_first(server: RunningServer, path: str) -> None:
    answer = post(server, path).json()
    assert (answer["model"], answer["object"]) == (RANKER, "list")
    scores = [result["relevance_score"] for result in answer["results"]]
    assert answer["results"][0]["index"] == 1
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.9 > 0.5 > scores[1]
    assert sorted(result["index"] for result in answer["results"]) == [0, 1, 2]
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 30


def test_a_score_depends_on_its_own_document_only(server: RunningServer) -> None:
    together = {each["index"]: each["relevance_score"] for each in post(server).json()["results"]}
    alone = [post(server, documents=[text]).json()["results"][0]["relevance_score"] for text in DOCUMENTS]
    assert alone == pytest.approx([together[index] for index in range(3)], rel=0.02, abs=1e-4)


def test_documents_may_be_objects_and_come_back_when_asked_for(server: RunningServer) -> None:
    documents: list[object] = [{"text": DOCUMENTS[0], "page": 7}, DOCUMENTS[1]]
    plain, full = post(server).json(), post(server, documents=documents, return_documents=True, top_n=1).json()
    assert [result.keys() for result in plain["results"]] == [{"index", "relevance_score"}] * 3
    assert [(result["index"], result["document"]) for result in full["results"]] == [(1, {"text": DOCUMENTS[1]})]


def test_texts_are_answered_as_tei_does(server: RunningServer) -> None:
    answer = post(server, documents=None, texts=DOCUMENTS, return_text=True).json()
    assert (answer[0]["index"], answer[0]["text"]) == (1, DOCUMENTS[1])
    assert [each.keys() for each in post(server, documents=None, texts=DOCUMENTS).json()] == [{"index", "score"}] * 3


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"query": None}, "query"),
        ({"query": ["a"]}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": [3]}, "documents[0]"),
        ({"documents": [{"title": "a"}]}, "documents[0]"),
        ({"documents": ["a"] * 2049}, "documents"),
        ({"texts": ["a"]}, "texts"),
        ({"top_n": 0}, "top_n"),
        ({"documents": ["a", "word " * 2000]}, "documents[1]"),
    ],
)
def test_what_can_not_be_ranked_is_a_400_that_names_it(server: RunningServer, body: dict[str, Any], param: str) -> None:
    assert error(server, **body)["param"] == param


@pytest.mark.parametrize(
    ("path", "model", "mend"),
    [
        ("/v1/rerank", TINY, "rerank"),
        ("/v1/rerank", EMBEDDING, "rerank"),
        ("/v1/embeddings", RANKER, "embedding"),
        ("/v1/chat/completions", RANKER, "completion"),
        ("/v1/completions", RANKER, "completion"),
        ("/v1/chat/completions", EMBEDDING, "completion"),
    ],
)
def test_a_model_of_another_kind_says_what_to_do(server: RunningServer, path: str, model: str, mend: str) -> None:
    asked = {"/v1/rerank": {}, "/v1/embeddings": {"input": "a"}, "/v1/completions": {"prompt": "a"}}
    body = {"documents": None, **asked.get(path, {"messages": "a"})} if path != "/v1/rerank" else {}
    told = error(server, path, model=model, **body)
    assert (told["code"], told["param"]) == ("capability_not_supported", "model")
    assert f'"{mend}"' in told["message"]


def test_the_list_says_which_model_ranks_before_and_after_its_load(server: RunningServer) -> None:
    server.http.post("/v1/models/unload", json={"model_id": RANKER})
    before = server.http.get(f"/v1/models/{RANKER}").json()["capabilities"]
    post(server)
    assert before == server.http.get(f"/v1/models/{RANKER}").json()["capabilities"] == ["rerank"]


def test_ranking_is_counted(server: RunningServer) -> None:
    labels = {"model": "lsrv-demo-embed"}
    before = server.metric("lsrv_prompt_tokens_total", **labels)
    n_tokens = post(server).json()["usage"]["prompt_tokens"]
    assert server.metric("lsrv_prompt_tokens_total", **labels) == before + n_tokens
    assert server.metric("lsrv_requests_total", route="/v1/rerank", status="200", **labels) > 0


def scores_of(body: dict[str, Any], *scores: float, is_probability: bool = False) -> list[float]:
    """The numbers answered, in the order of the documents."""
    request = parse_rerank(msgspec.json.encode({"query": "q", "documents": ["d"] * len(scores)} | body))
    reranked = Reranked(request_id=0, scores=list(scores), is_probability=is_probability, n_prompt_tokens=1)
    results = msgspec.json.decode(rerank_body(request, "m", reranked))["results"]
    return [each["relevance_score"] for each in sorted(results, key=lambda each: each["index"])]


def test_logits_become_probabilities_unless_raw_ones_are_wanted() -> None:
    assert scores_of({}, 0.0, 2.0, -1000.0) == pytest.approx([0.5, 0.880797, 0.0], abs=1e-6)
    assert scores_of({"raw_scores": True}, 0.0, 2.0, -1000.0) == [0.0, 2.0, -1000.0]


def test_probabilities_stay_what_they_are() -> None:
    assert scores_of({}, 0.25, 0.75, is_probability=True) == [0.25, 0.75]


def test_logits_too_large_for_a_probability_keep_their_order() -> None:
    request = parse_rerank(b'{"query": "q", "documents": ["a", "b", "c"]}')
    reranked = Reranked(request_id=0, scores=[50.0, 60.0, 60.0], is_probability=False, n_prompt_tokens=1)
    results = msgspec.json.decode(rerank_body(request, "m", reranked))["results"]
    assert [each["index"] for each in results] == [1, 2, 0]


def test_scores_that_are_no_numbers_are_an_error() -> None:
    with pytest.raises(LsrvError, match="not finite"):
        scores_of({}, float("nan"), 1.0)
