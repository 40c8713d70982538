"""What the reference says of answers: all routes that models answer are in it, and what they say is what it says."""

from __future__ import annotations

from typing import Any

import pytest

from lsrv.api.reference.answers import ANSWERS
from lsrv.api.routes import ROUTES
from tests.api.dialects.asking import SPEECHES
from tests.api.reference.described import assert_described, reference
from tests.conftest import EMBEDDING, TINY, RunningServer

ASKED: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/v1/embeddings", {"model": EMBEDDING, "input": ["a", "b"]}),
    ("POST", "/embedding", {"model": EMBEDDING, "content": "a"}),
    ("POST", "/api/embed", {"model": EMBEDDING, "input": "a"}),
    ("POST", "/api/embeddings", {"model": EMBEDDING, "prompt": "a"}),
    ("POST", "/v1/tokenize", {"model": TINY, "content": "a", "with_pieces": True}),
    ("POST", "/v1/detokenize", {"model": TINY, "tokens": [5]}),
    ("POST", "/v1/apply-template", {"model": TINY, "messages": "a"}),
    ("POST", "/v1/messages/count_tokens", {"model": TINY, "messages": [{"role": "user", "content": "a"}]}),
    ("POST", "/v1/responses/input_tokens", {"model": TINY, "input": "a"}),
    ("POST", "/api/show", {"model": TINY}),
    ("POST", "/v1/models/status", {"model": TINY}),
    *(
        ("GET", path, None)
        for path in ("/api/tags", "/api/ps", "/api/version", "/slots", "/v1/models", "/admin/status")
    ),
    *(("GET", path, None) for path in ("/health", "/readyz", "/props", "/v1/lora-adapters")),
]


@pytest.mark.parametrize(("method", "path", "body"), ASKED, ids=[f"{method} {path}" for method, path, _ in ASKED])
def test_an_answer_has_the_fields_of_the_reference(
    server: RunningServer, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = server.http.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    assert_described(method, path, answer.json())


def test_scores_of_tokens_are_described(server: RunningServer) -> None:
    chat = {"model": TINY, "messages": "a", "max_tokens": 2, "logprobs": True, "top_logprobs": 1}
    text = {"model": TINY, "prompt": "a", "max_tokens": 2, "logprobs": 1, "echo": True}
    llama = {"model": TINY, "prompt": "a", "n_predict": 2, "n_probs": 1}
    asked = {"/v1/chat/completions": chat, "/v1/completions": text, "/completion": llama}
    for path, body in asked.items():
        assert_described("POST", path, server.http.post(path, json=body).json())


def test_what_is_described_is_there() -> None:
    assert ANSWERS.keys() <= {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("path", sorted({speech.path for speech in SPEECHES}))
def test_a_route_that_models_answer_has_types_of_answers_events_and_refusals(path: str) -> None:
    operation = reference()["paths"][path]["post"]
    (json_answer, *framed) = sorted(operation["responses"]["200"]["content"].items())
    assert json_answer[1]["schema"] and framed[0][1]["itemSchema"]
    assert {"400", "401", "404", "503", "default"} <= operation["responses"].keys()
    assert operation["requestBody"]["content"]["application/json"]["schema"]
