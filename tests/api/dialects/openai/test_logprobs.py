"""logprobs, several choices and what is counted, over HTTP: whole answers and streams tell the same."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.api.dialects.openai.test_chat import events_of
from tests.conftest import TINY, RunningServer

PROMPT = "Once upon a time"
BIRDS = {"grammar": 'root ::= "鳥ur鳥"', "temperature": 0, "max_tokens": 20}  # 鳥 is three tokens of this model


def chat(server: RunningServer, **body: Any) -> Any:
    asked = {"model": TINY, "messages": PROMPT, "max_tokens": 24, "temperature": 0, "logprobs": True} | body
    answer = server.http.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 200, answer.text
    return answer


def complete(server: RunningServer, **body: Any) -> Any:
    asked = {"model": TINY, "prompt": PROMPT, "max_tokens": 24, "temperature": 0} | body
    answer = server.http.post("/v1/completions", json=asked)
    assert answer.status_code == 200, answer.text
    return answer


def streamed(answer: Any, n_choices: int = 1) -> list[tuple[str, list[Any], str]]:
    """Text, logprobs and finish reason of every choice of a chat stream."""
    found: list[tuple[str, list[Any], str]] = [("", [], "")] * n_choices
    for event in events_of(answer.text):
        for choice in event["choices"]:
            text, logprobs, reason = found[choice["index"]]
            logprobs = logprobs + ((choice["logprobs"] or {}).get("content") or [])
            found[choice["index"]] = (
                text + choice["delta"]["content"],
                logprobs,
                reason + (choice["finish_reason"] or ""),
            )
    return found


def whole(answer: Any) -> list[tuple[str, list[Any], str]]:
    return [
        (choice["message"]["content"], choice["logprobs"]["content"], choice["finish_reason"])
        for choice in answer.json()["choices"]
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"top_logprobs": 3},
        {"top_logprobs": 20, "n": 3},
        {"stop": ["girl named"], "top_logprobs": 1},
        {"stop": [" to play", "was"], "n": 2},
        {"max_tokens": 1},
        BIRDS,
    ],
    ids=str,
)
def test_a_stream_tells_the_logprobs_of_the_whole_answer(server: RunningServer, body: dict[str, Any]) -> None:
    expected = whole(chat(server, **body))
    found = streamed(chat(server, **body, stream=True), body.get("n", 1))
    for (text, tokens, reason), (same_text, same_tokens, same_reason) in zip(expected, found, strict=True):
        assert (text, reason) == (same_text, same_reason)
        assert [token["token"] for token in tokens] == [token["token"] for token in same_tokens]
        for one, other in zip(tokens, same_tokens, strict=True):  # a prompt read by others is not rounded alike
            assert one["logprob"] == pytest.approx(other["logprob"], abs=0.05)
            assert len(one["top_logprobs"]) == len(other["top_logprobs"]) == body.get("top_logprobs", 0)


def test_logprobs_fall_and_do_not_sum_to_more_than_one(server: RunningServer) -> None:
    ((_, tokens, _),) = whole(chat(server, top_logprobs=20))
    for token in tokens:
        top = [each["logprob"] for each in token["top_logprobs"]]
        assert len(top) == 20
        assert top == sorted(top, reverse=True)
        assert sum(math.exp(each) for each in top) <= 1 + 1e-9
        assert token["logprob"] == top[0]
        assert token["bytes"] == token["top_logprobs"][0]["bytes"]


def test_what_a_stop_string_cuts_off_has_no_logprobs(server: RunningServer) -> None:
    ((full, _, _),) = whole(chat(server))
    stop = full[8:13]
    ((text, tokens, reason),) = whole(chat(server, stop=stop))
    assert (text, reason) == (full[: full.index(stop)], "stop")
    pieces = [token["token"] for token in tokens]
    assert "".join(pieces).startswith(text)
    assert "".join(pieces[:-1]) != text  # the last one begins in the text


def test_parts_of_a_character_have_their_bytes(server: RunningServer) -> None:
    ((text, tokens, _),) = whole(chat(server, **BIRDS))
    assert text == "鳥ur鳥"
    assert bytes(byte for token in tokens for byte in token["bytes"]) == text.encode()
    assert [token["bytes"] for token in tokens[:3]] == [[0xE9], [0xB3], [0xA5]]


@pytest.mark.parametrize("is_stream", [False, True])
def test_text_offsets_count_characters_of_the_text(server: RunningServer, is_stream: bool) -> None:
    answer = complete(server, **BIRDS, logprobs=0, stream=is_stream)
    choices = [choice for event in events_of(answer.text) for choice in event["choices"]] if is_stream else []
    choices = choices or answer.json()["choices"]
    offsets = [offset for choice in choices if choice["logprobs"] for offset in choice["logprobs"]["text_offset"]]
    assert "".join(choice["text"] for choice in choices) == "鳥ur鳥"
    assert offsets[:4] == [0, 0, 0, 1]
    assert offsets[-3:] == [3, 3, 3]


@pytest.mark.parametrize("n", [2, 8])
def test_choices_count_their_prompt_once_and_end_each_for_itself(server: RunningServer, n: int) -> None:
    """8 are more than there are slots."""
    asked = {"n": n, "seed": 1, "temperature": 1.5, "stop": ["a", "o"], "max_tokens": 4}
    answer = chat(server, **asked).json()
    usage, timings = answer["usage"], answer["timings"]
    assert timings["prompt_n"] + timings["cache_n"] == usage["prompt_tokens"]
    assert timings["cache_n"] == usage["prompt_tokens_details"]["cached_tokens"]
    assert usage["completion_tokens"] == timings["predicted_n"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert all(math.isfinite(value) and value >= 0 for value in timings.values())
    for text, tokens, reason in whole(chat(server, **asked)):
        assert not set("ao") & set(text)
        assert reason == "stop" or len(tokens) == 4
    assert sorted(choice["index"] for choice in answer["choices"]) == list(range(n))
