"""`best_of`: more answers are computed than returned, and the likeliest are."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from lsrv.api.dialects.openai.best_of import best_choices
from lsrv.protocol.events import Finished, TokenLogprob, Usage
from tests.conftest import TINY

PROMPT = "Once upon a time"


def finished(index: int, *logprobs: float) -> Finished:
    tokens = [TokenLogprob("a", each, b"a") for each in logprobs]
    return Finished(index, "stop", str(index), "", Usage(1, 0, len(tokens), 0, 0.0, 0.0, 0.0), logprobs=tokens)


def test_the_best_are_those_with_the_highest_logprob_per_token() -> None:
    ends = [finished(0, -1.0, -1.0), finished(1, -0.9, -0.9, -0.9), finished(2), finished(3, -2.0)]
    assert [end.request_id for end in best_choices(ends, 4, 3)] == [1, 0, 3]


def test_each_prompt_has_its_own_best() -> None:
    ends = [finished(0, -2.0), finished(1, -1.0), finished(2, -3.0), finished(3, -4.0)]
    assert [end.request_id for end in best_choices(ends, 2, 1)] == [1, 2]


def test_all_of_them_stay_in_their_order() -> None:
    ends = [finished(0, -2.0), finished(1, -1.0)]
    assert best_choices(ends, 2, 2) == ends


def test_best_of_returns_the_likeliest_answers_of_those_that_n_would_give(client: openai.OpenAI) -> None:
    """The same seeds write the same answers, alone or not; all but near ties, of which 12 tokens have none here."""
    asked: dict[str, Any] = {"model": TINY, "prompt": PROMPT, "max_tokens": 12, "seed": 5, "temperature": 1.2}
    every = client.completions.create(**asked, n=6, logprobs=0)
    best = client.completions.create(**asked, n=2, best_of=6)

    def mean(choice: Any) -> float:
        logprobs = choice.logprobs.token_logprobs
        return float(sum(logprobs) / len(logprobs))

    expected = sorted(every.choices, key=mean, reverse=True)[:2]
    assert [choice.text for choice in best.choices] == [choice.text for choice in expected]
    assert [choice.index for choice in best.choices] == [0, 1]
    assert all(choice.logprobs is None for choice in best.choices)
    assert every.usage is not None
    assert best.usage is not None
    assert best.usage.completion_tokens == every.usage.completion_tokens
    assert best.usage.prompt_tokens == every.usage.prompt_tokens


def test_logprobs_of_the_best_come_if_they_are_asked_for(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=TINY, prompt=[PROMPT, "The dog"], max_tokens=4, best_of=3, logprobs=1)
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        assert choice.logprobs is not None
        assert choice.logprobs.tokens is not None
        assert "".join(choice.logprobs.tokens) == choice.text


@pytest.mark.parametrize("n", [1, 2])
def test_best_of_that_asks_for_no_more_than_n_may_be_streamed(client: openai.OpenAI, n: int) -> None:
    stream = client.completions.create(model=TINY, prompt=PROMPT, max_tokens=3, n=n, best_of=n, stream=True)
    assert {choice.index for chunk in stream for choice in chunk.choices} == set(range(n))
