"""/v1/completions, /tokenize, /detokenize and /apply-template."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.api.dialects.openai.test_chat import events_of
from tests.conftest import TINY, RunningServer


def post(server: RunningServer, **body: Any) -> Any:
    given = {"model": TINY, "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0} | body
    return server.http.post("/v1/completions", json=given)


def test_a_text_is_continued(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=TINY, prompt="Once upon a time", max_tokens=8)
    assert answer.choices[0].text
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8


def test_a_stream_says_what_the_whole_answer_says(client: openai.OpenAI, server: RunningServer) -> None:
    stream = client.completions.create(model=TINY, prompt="Once upon a time", max_tokens=8, temperature=0, stream=True)
    assert (
        "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == post(server).json()["choices"][0]["text"]
    )


def test_a_stream_ends_with_usage_if_asked(server: RunningServer) -> None:
    events = events_of(post(server, stream=True, stream_options={"include_usage": True}).text)
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 8


def test_a_list_of_prompts_gives_choices_in_order(server: RunningServer) -> None:
    prompts = ["Once upon a time", "The little dog"]
    choices = post(server, prompt=prompts, n=2).json()["choices"]
    singly = [post(server, prompt=prompt).json()["choices"][0]["text"] for prompt in prompts]
    assert [choice["index"] for choice in choices] == [0, 1, 2, 3]
    assert [choice["text"] for choice in choices] == [singly[0], singly[0], singly[1], singly[1]]


def test_token_ids_are_a_prompt(server: RunningServer) -> None:
    tokens = server.http.post("/tokenize", json={"content": "Once upon a time"}).json()["tokens"]
    assert post(server, prompt=tokens).json()["usage"]["prompt_tokens"] >= len(tokens)


def test_a_token_out_of_the_vocabulary_is_a_400(server: RunningServer) -> None:
    answer = post(server, prompt=[1, 10**6])
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "prompt"


def test_echo_puts_the_prompt_in_front(server: RunningServer) -> None:
    assert post(server, echo=True).json()["choices"][0]["text"].startswith("Once upon a time")


def test_logprobs_come_in_the_legacy_shape(server: RunningServer) -> None:
    choice = post(server, logprobs=2).json()["choices"][0]
    logprobs = choice["logprobs"]
    assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == len(logprobs["text_offset"]) == 8
    assert all(len(top) <= 2 for top in logprobs["top_logprobs"])
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert logprobs["text_offset"][1] == len(logprobs["tokens"][0])


@pytest.mark.parametrize(
    "body",
    [{"best_of": 1, "n": 2}, {"best_of": 2, "stream": True}, {"best_of": 21}, {"suffix": "end"}, {"grammar": "x"}],
    ids=str,
)
def test_what_can_not_be_is_refused_by_name(server: RunningServer, body: dict[str, Any]) -> None:
    answer = post(server, **body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(body))


@pytest.mark.parametrize("prompt", [[], [1, "a"], [[]], 5, [1.5], [-1], {}])
def test_a_prompt_that_is_none_is_a_400(server: RunningServer, prompt: object) -> None:
    answer = post(server, prompt=prompt)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("prompt")


def test_tokens_and_text_are_each_others_inverse(server: RunningServer) -> None:
    tokens = server.http.post("/tokenize", json={"content": "One day, a dog"}).json()["tokens"]
    text = server.http.post("/detokenize", json={"tokens": tokens}).json()["content"]
    assert text.strip() == "One day, a dog"


def test_tokenize_gives_pieces_if_asked(server: RunningServer) -> None:
    body = {"content": "dog", "with_pieces": True, "model": TINY}
    pieces = server.http.post("/v1/tokenize", json=body).json()["tokens"]
    assert "".join(token["piece"] for token in pieces).strip() == "dog"
    assert all(isinstance(token["id"], int) for token in pieces)


def test_apply_template_shows_the_prompt(server: RunningServer) -> None:
    answer = server.http.post("/apply-template", json={"messages": [{"role": "user", "content": "Hello"}]})
    assert json.loads(answer.content) == {"prompt": "Hello"}
