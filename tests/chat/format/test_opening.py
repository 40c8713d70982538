"""Where an answer begins, by the end of its prompt."""

from __future__ import annotations

import pytest

from lsrv.chat.format.answer_format import AnswerFormat, Channels, Marks
from lsrv.chat.format.opening import Opening, n_prefilled, opening_of

THINK = AnswerFormat(thoughts=Marks("<think>", "</think>"))
CLOSED_ONLY = AnswerFormat(thoughts=Marks("", "</think>"))
MARKED = AnswerFormat(thoughts=Marks("<think>", "</think>"), text=Marks("<response>", "</response>"))
HARMONY = AnswerFormat(
    channels=Channels(
        start="<|start|>assistant",
        message="<|message|>",
        ends=["<|end|>", "<|return|>"],
        thoughts=["<|channel|>analysis"],
        text="<|channel|>final",
        callee="to=functions.",
        call="<|channel|>commentary to=functions.{name}",
    )
)


@pytest.mark.parametrize(
    ("form", "prompt", "n_prefill", "opening"),
    [
        (THINK, "user: hi\nassistant: ", 0, Opening("start")),
        (THINK, "assistant: <think>\n", 0, Opening("thought")),
        (THINK, "assistant: <think>abc ", 4, Opening("thought")),
        (THINK, "user: what is <think>?\nassistant: ", 0, Opening("start")),
        (THINK, "assistant: <think>\n\n</think>\n\n", 0, Opening("answer")),
        (THINK, "assistant: <think>a</think>Hello", 20, Opening("answer")),
        (CLOSED_ONLY, "assistant: ", 0, Opening("thought")),
        (CLOSED_ONLY, "assistant: abc", 3, Opening("thought")),
        (CLOSED_ONLY, "assistant: a</think>Hel", 14, Opening("answer")),
        (MARKED, "assistant: <response>\n", 0, Opening("text")),
        (MARKED, "assistant: <response>Hel", 3, Opening("text")),
        (MARKED, "assistant: <think>I write <response> then", 35, Opening("thought")),
        (MARKED, "assistant: <resp", 0, Opening("start", "<resp")),
        (AnswerFormat(text=Marks(">>>all", "")), "assistant\n\n>>>", 0, Opening("start", ">>>")),
        (HARMONY, "<|end|><|start|>assistant", 0, Opening("start")),
        (HARMONY, "<|start|>assistant<|channel|>analysis<|message|>Hm", 2, Opening("thought", "<|channel|>analysis")),
        (HARMONY, "<|start|>assistant<|channel|>final<|message|>He", 2, Opening("text", "<|channel|>final")),
        (HARMONY, "<|start|>assistant<|channel|>final<|message|>He<|end|>", 0, Opening("start")),
    ],
)
def test_an_answer_begins_where_its_prompt_ends(
    form: AnswerFormat, prompt: str, n_prefill: int, opening: Opening
) -> None:
    assert opening_of(form, prompt, n_prefill) == opening


def test_only_a_last_message_of_the_assistant_is_a_beginning() -> None:
    assert n_prefilled([]) == 0
    assert n_prefilled([{"role": "assistant", "content": "abc"}, {"role": "user", "content": "d"}]) == 0
    parts = [{"type": "text", "text": "abc"}, {"type": "text", "text": "de"}]
    assert n_prefilled([{"role": "assistant", "content": parts, "reasoning_content": "f"}]) == 6
