"""`/v1/generate`, `/v1/generate/batch`, `/v1/stream`: prompts and their texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsrv.api.dialects.generate.output import text_event
from lsrv.api.dialects.generate.refusals import GENERATE_ERRORS
from lsrv.api.http.errors import error_response
from lsrv.errors import QueueFullError
from tests.conftest import OTHER, TINY, RunningServer, StartServer, copies_of_stories

GREEDY: dict[str, Any] = {"model": TINY, "max_new_tokens": 12, "temperature": 0}


def completed(server: RunningServer, prompt: str) -> Any:
    body = {"model": TINY, "prompt": prompt, "max_tokens": 12, "temperature": 0}
    return server.http.post("/v1/completions", json=body).json()


def test_a_prompt_becomes_the_text_that_a_completion_has(server: RunningServer) -> None:
    told = server.http.post("/v1/generate", json=GREEDY | {"prompt": "Once upon a time"}).json()
    theirs = completed(server, "Once upon a time")
    assert told == {
        "model": TINY,
        "output": theirs["choices"][0]["text"],
        "cached": False,
        "prompt_tokens": theirs["usage"]["prompt_tokens"],
        "completion_tokens": 12,
    }


def test_prompts_of_a_batch_are_answered_in_their_order(server: RunningServer) -> None:
    prompts = ["Once upon a time", "The dog", "Tom"]
    told = server.http.post("/v1/generate/batch", json=GREEDY | {"prompts": prompts}).json()
    assert told["model"] == TINY
    assert [each["output"] for each in told["results"]] == [
        completed(server, prompt)["choices"][0]["text"] for prompt in prompts
    ]
    assert {each["completion_tokens"] for each in told["results"]} == {12}


def test_a_stream_is_text_and_then_done(server: RunningServer) -> None:
    answer = server.http.post("/v1/stream", json=GREEDY | {"prompt": "Once upon a time"})
    *texts, done = answer.text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    text = "".join(each.removeprefix("data: ").replace("\ndata: ", "\n") for each in texts)
    assert text == completed(server, "Once upon a time")["choices"][0]["text"]


def test_a_line_break_parts_lines_of_data() -> None:
    assert text_event(" a\n\nb\r\n") == b"data:  a\ndata: \ndata: b\ndata: \n\n"
    assert text_event("") == b""


def test_an_answer_comes_from_the_cache_unless_that_is_not_wanted(start_server: StartServer, tmp_path: Path) -> None:
    models = copies_of_stories(tmp_path)[:1]
    own = start_server(models=[models[0] | {"response_cache": True}])
    body = {"prompt": "Once", "max_new_tokens": 4, "temperature": 0}
    cached = [own.http.post("/v1/generate", json=body | more).json()["cached"] for more in ({}, {}, {"cache": False})]
    assert cached == [False, True, False]


def test_a_model_that_is_not_there_is_told_with_those_that_are(server: RunningServer) -> None:
    for path, body in (("/v1/generate", {"prompt": "a"}), ("/v1/stream", {"prompt": "a"})):
        refused = server.http.post(path, json=body | {"model": "x"})
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (400, "model_not_allowed")
        assert error["message"].startswith("Model 'x' not allowed. Allowed: [")
        assert f"'{TINY}'" in error["message"]
        assert f"'{OTHER}'" in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/generate", {}, "prompt"),
        ("/v1/generate", {"prompt": ""}, "prompt"),
        ("/v1/generate", {"prompt": ["a"]}, "prompt"),
        ("/v1/generate", {"prompt": "a", "max_new_tokens": 0}, "max_new_tokens"),
        ("/v1/generate/batch", {"prompts": []}, "prompts"),
        ("/v1/generate/batch", {"prompts": ["a", ""]}, "prompts[1]"),
        ("/v1/generate/batch", {"prompts": ["a"] * 129}, "prompts"),
        ("/v1/stream", {"prompt": "a", "temperature": -1}, "temperature"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(
    server: RunningServer, path: str, body: dict[str, Any], param: str
) -> None:
    refused = server.http.post(path, json=GREEDY | body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_full_queue_is_told_as_overload() -> None:
    refused = error_response(QueueFullError("all places are taken", retry_after_s=2.0), GENERATE_ERRORS)
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (429, "generate_overloaded")
    assert (b"retry-after", b"2") in refused.headers
