"""Fields that ask for what a route does not do are named; what asks for nothing passes; words of others are heard."""

from __future__ import annotations

from typing import Any

import pytest

from lsrv.api.dialects.openai.chat import ChatBody, _unserved
from lsrv.api.dialects.openai.completion import CompletionBody
from tests.conftest import EMBEDDING, TINY, RunningServer

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": TINY, "messages": [{"role": "user", "content": "Once"}], "max_tokens": 1},
    "/v1/completions": {"model": TINY, "prompt": "Once", "max_tokens": 1},
    "/v1/embeddings": {"model": EMBEDDING, "input": "Once"},
    "/embedding": {"model": EMBEDDING, "input": "Once"},
    "/v1/rerank": {"model": EMBEDDING, "query": "a", "documents": ["b"]},
}
CHAT, COMPLETIONS, EMBEDDINGS = list(BODIES)[:3]
OF_TOOLS = {
    "web_search_options": {},
    "enable_shell": True,
    "enable_code_execution": True,
    "files": ["f"],
    "agent_permission": "ask",
    "max_tool_rounds": 3,
    "truncate_sequence": True,
}


def post(server: RunningServer, path: str, **fields: Any) -> Any:
    return server.http.post(path, json=BODIES[path] | fields)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        *((path, field, value) for path in (CHAT, COMPLETIONS) for field, value in OF_TOOLS.items()),
        (COMPLETIONS, "tools", [{"type": "function", "function": {"name": "a"}}]),
        (COMPLETIONS, "max_completion_tokens", 5),
        (COMPLETIONS, "reasoning_effort", "low"),
        (CHAT, "prompt", "Once"),
        (CHAT, "echo", True),
        (CHAT, "best_of", 2),
        *((path, "adapter", "nope") for path in ("/v1/embeddings", "/embedding", "/v1/rerank")),
        (EMBEDDINGS, "truncate_prompt_tokens", 5),
        ("/v1/rerank", "rank_fields", ["title"]),
    ],
)
def test_a_field_without_effect_is_a_400_that_names_it(
    server: RunningServer, path: str, field: str, value: Any
) -> None:
    answer = post(server, path, **{field: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), answer.text


def test_values_that_ask_for_nothing_pass(server: RunningServer) -> None:
    harmless = {"tools": [], "echo": False, "files": [], "web_search_options": None, "best_of": 1, "adapter": None}
    for path in (CHAT, COMPLETIONS):
        assert post(server, path, **harmless).status_code == 200
    assert post(server, EMBEDDINGS, adapters=[]).status_code == 200


def test_what_only_completions_have_is_told_by_chats() -> None:
    assert set(CompletionBody.__struct_fields__) - set(ChatBody.__struct_fields__) <= set(_unserved.names)


def test_a_text_too_long_is_cut_where_that_is_asked_for(server: RunningServer) -> None:
    text = "Once upon a time. " * 400
    assert post(server, EMBEDDINGS, input=text).json()["error"]["code"] == "context_length_exceeded"
    for asked in (True, "END"):
        answer = post(server, EMBEDDINGS, input=text, truncate=asked)
        assert (answer.status_code, answer.json()["usage"]["prompt_tokens"] <= 512) == (200, True)


def test_special_tokens_are_added_and_skipped_by_the_other_names(server: RunningServer) -> None:
    plain, marked = (
        server.http.post("/v1/tokenize", json={"model": TINY, "content": "Once"} | more).json()["tokens"]
        for more in ({}, {"add_special_tokens": True})
    )
    assert marked == [1, *plain]
    body = {"model": TINY, "tokens": marked}
    told, skipped = (
        server.http.post("/v1/detokenize", json=body | more).json()["content"]
        for more in ({}, {"skip_special_tokens": True})
    )
    assert (told, skipped) == ("<s> Once", " Once")
