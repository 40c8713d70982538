"""What a client sends at great length comes back as a line of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import TINY, RunningServer, wait_until

LONG = "a:" * 100_000
MESSAGES = [{"role": "user", "content": "Hi"}]
CHAT = {"model": TINY, "messages": MESSAGES}
MAX_ANSWER_BYTES = 3000


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", {"model": LONG, "messages": MESSAGES}, 404),
        ("/v1/chat/completions", {"model": f"{TINY}:{LONG}", "messages": MESSAGES}, 404),
        ("/v1/chat/completions", CHAT | {"adapter": LONG}, 400),
        ("/v1/chat/completions", CHAT | {"adapters": [LONG]}, 400),
        ("/v1/chat/completions", CHAT | {"adapters": [{"name": LONG}]}, 400),
        ("/v1/chat/completions", CHAT | {"priority": LONG}, 400),
        ("/v1/chat/completions", CHAT | {"keep_alive": LONG}, 400),
        ("/v1/chat/completions", CHAT | {"response_format": {"type": LONG}}, 400),
        ("/v1/chat/completions", CHAT | {"grammar": {"type": LONG, "value": "x"}}, 400),
        ("/v1/chat/completions", CHAT | {"messages": [{"role": LONG, "content": "Hi"}]}, 400),
        ("/v1/chat/completions", CHAT | {"messages": [{"role": "user", "content": [{"type": LONG}]}]}, 400),
        ("/v1/chat/completions", CHAT | {"logit_bias": {LONG: 400}}, 400),
        ("/v1/embeddings", {"model": LONG, "input": "Hi"}, 404),
        ("/v1/embeddings", {"model": TINY, "input": "Hi", "encoding_format": LONG}, 400),
        ("/v1/tokenize", {"model": LONG, "content": "Hi"}, 404),
        ("/v1/models/load", {"model_id": LONG}, 200),
        ("/v1/models/unload", {"model": LONG}, 200),
        ("/v1/models/enable", {"model_id": LONG[:3000]}, 200),
        ("/v1/models/tune", {"model_id": LONG}, 404),
        ("/v1/unload_lora_adapter", {"model": TINY, "lora_name": "x", "expected_generation": LONG}, 404),
        ("/admin/default", {"model_id": LONG}, 404),
        ("/api/pull", {"model": LONG}, 404),
        ("/api/pull", {"model": f"own/m:{LONG}"}, 404),
        ("/api/pull", {"model": "own/m:nonsense"}, 400),
    ],
)
def test_what_is_too_long_to_be_right_comes_back_as_a_line(
    server: RunningServer, path: str, body: dict[str, Any], status: int
) -> None:
    answer = server.http.post(path, json=body)
    assert answer.status_code == status, answer.text[:500]
    assert len(answer.content) < MAX_ANSWER_BYTES


@pytest.mark.parametrize("path", ["/v1/models/", "/v1/routes/", "/v1/lora_adapters?model=", "/nowhere/"])
def test_what_is_too_long_in_a_path_comes_back_as_a_line(server: RunningServer, path: str) -> None:
    answer = server.http.get(path + LONG[:60_000])
    assert answer.status_code == 404
    assert len(answer.content) < MAX_ANSWER_BYTES


def test_a_log_line_is_no_longer_than_a_line_either(server: RunningServer) -> None:
    path = "/long-in-the-log/" + LONG[:60_000]
    server.http.get(path)

    def lengths() -> list[int]:
        paths = [str(line["path"]) for line in server.log_lines("request")]
        return [len(path) for path in paths if path.startswith("/long-in-the-log/")]

    wait_until(lengths)
    assert max(lengths()) < 1000
