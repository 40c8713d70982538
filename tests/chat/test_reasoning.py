from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.chat.reasoning import AnswerSplitter


def split(text: str, places: list[int], prompt: str = "") -> tuple[str, str]:
    splitter = AnswerSplitter(prompt)
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    pairs = [splitter.push(text[a:b]) for a, b in itertools.pairwise(edges)]
    pairs.append(splitter.flush())
    return "".join(content for content, _ in pairs), "".join(reasoning for _, reasoning in pairs)


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        ("Hello", "Hello", ""),
        ("<think>\nhm, so\n</think>\n\nHello", "Hello", "hm, so"),
        ("\n<think>a</think>b", "b", "a"),
        ("<think>never closed", "", "never closed"),
        ("<think></think>b", "b", ""),
        ("a <think> b", "a <think> b", ""),
        ("<thin", "<thin", ""),
        ("<think>a < b </thin k</think>c", "c", "a < b </thin k"),
        ("  indented", "  indented", ""),
        ("", "", ""),
    ],
)
@given(places=st.lists(st.integers(0, 60)))
def test_reasoning_and_content_are_told_apart_wherever_the_text_is_cut(
    text: str, content: str, reasoning: str, places: list[int]
) -> None:
    assert split(text, places) == (content, reasoning)


@given(places=st.lists(st.integers(0, 60)))
def test_a_prompt_that_opened_the_tag_starts_in_reasoning(places: list[int]) -> None:
    assert split("so\n</think>\n\n42", places, prompt="<|assistant|>\n<think>\n") == ("42", "so")
