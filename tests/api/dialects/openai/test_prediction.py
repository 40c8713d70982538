"""`prediction`: what the answer will mostly be makes it faster, changes nothing of it, and is told of in `usage`."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.conftest import TINY, RunningServer, wait_until

PROMPT = "Once upon a time"


def test_a_prediction_changes_no_answer_and_is_counted(client: openai.OpenAI) -> None:
    """Guesses are made where they pay: a machine that is busy may find so later."""
    asked: dict[str, Any] = {"model": TINY, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 60}
    plain = client.chat.completions.create(**asked, temperature=0)
    text = plain.choices[0].message.content
    assert text

    def is_accepted() -> bool:
        told = client.chat.completions.create(
            **asked, temperature=0, prediction={"type": "content", "content": [{"type": "text", "text": text}]}
        )
        assert told.choices[0].message.content == text
        assert told.usage is not None
        details = told.usage.completion_tokens_details
        assert details is not None
        assert details.rejected_prediction_tokens is not None
        return bool(details.accepted_prediction_tokens)

    wait_until(is_accepted)
    assert plain.usage is not None
    assert plain.usage.completion_tokens_details is not None
    assert plain.usage.completion_tokens_details.accepted_prediction_tokens == 0


@pytest.mark.parametrize("content", ["", "x" * 200_000, "😀 <s> other"])
def test_whatever_is_predicted_the_answer_is_the_same(server: RunningServer, content: str) -> None:
    body = {"model": TINY, "prompt": PROMPT, "max_tokens": 8, "temperature": 0}
    prediction = {"type": "content", "content": content}
    plain, told = (
        server.http.post("/v1/completions", json=body | extra).json() for extra in ({}, {"prediction": prediction})
    )
    assert told["choices"][0]["text"] == plain["choices"][0]["text"]


@pytest.mark.parametrize("prediction", [{"type": "text", "content": "a"}, {"type": "content"}, "a"])
def test_a_prediction_of_another_shape_is_a_400(server: RunningServer, prediction: object) -> None:
    body = {"model": TINY, "prompt": PROMPT, "prediction": prediction}
    answer = server.http.post("/v1/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("prediction")


def test_fields_that_only_name_a_request_are_accepted(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=TINY,
        messages=[{"role": "user", "content": PROMPT}],
        max_tokens=4,
        store=True,
        metadata={"purpose": "test"},
        user="somebody",
        safety_identifier="somebody",
        prompt_cache_key="a-conversation",
        verbosity="low",
        reasoning_effort="low",
    )
    assert answer.choices[0].message.content
