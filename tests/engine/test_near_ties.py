"""When two texts count as the same answer: only where the model itself was of two minds."""

from __future__ import annotations

import pytest

from lsrv.engine.load.loading import LoadedModel
from tests.engine.near_ties import assert_near_tie, assert_same_texts, likeliest

PROMPT = "Once upon a time"


def test_texts_that_part_at_a_near_tie_are_the_same_and_others_are_not(stories: LoadedModel) -> None:
    tokens = likeliest(stories, PROMPT, n_max_tokens=100)
    gaps = [token.top[0].logprob - token.top[1].logprob for token in tokens]
    at = gaps.index(min(gaps))
    written = "".join(token.text for token in tokens[:at])
    first, second = (written + each.text for each in tokens[at].top[:2])
    assert_near_tie(stories, PROMPT, second, first, near=gaps[at] + 0.001, n_max_tokens=100)
    with pytest.raises(AssertionError, match="after"):
        assert_near_tie(stories, PROMPT, second, first, near=gaps[at] - 0.001, n_max_tokens=100)


def test_an_answer_to_something_else_is_not_the_same(stories: LoadedModel) -> None:
    with pytest.raises(AssertionError, match="after"):
        assert_same_texts(stories, [PROMPT], [" dog"], [", there was"])


def test_equal_texts_need_no_second_look(stories: LoadedModel) -> None:
    assert_same_texts(stories, [PROMPT], ["whatever"], ["whatever"])
