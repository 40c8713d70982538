from __future__ import annotations

import pytest

from lsrv.chat.format.call import ToolCall
from lsrv.chat.format.find import find_format
from lsrv.chat.format.probe import Probe
from lsrv.chat.format.write import write_calls
from tests.chat.format.prompter import prompter_of
from tests.chat.templates.published import PUBLISHED, published

ID = "abcdef017"
HARD = {
    "nested": [ToolCall("alpha_tool", {"a": {"b": [1, {"c": True}], "d": "e"}, "f": [[], {}, "x"]}, ID)],
    "unicode": [ToolCall("alpha_tool", {"text": "Grüße 你好 🎉"}, ID)],
    "quotes": [ToolCall("alpha_tool", {"text": "he said \"yes\" and 'no', and \\ stays"}, ID)],
    "line breaks": [ToolCall("alpha_tool", {"text": "a\n\nb\n"}, ID)],
    "marks": [ToolCall("alpha_tool", {"text": "</tool_call> </parameter> [ARGS] <|im_end|> ```"}, ID)],
    "numbers": [ToolCall("alpha_tool", {"a": 7, "b": 2.5, "c": -1, "d": "7", "e": True, "f": "true"}, ID)],
    "nothing": [ToolCall("alpha_tool", {}, ID)],
    "empty text": [ToolCall("alpha_tool", {"s": ""}, ID)],
    "several": [
        ToolCall("alpha_tool", {"key_one": "x"}, ID),
        ToolCall("beta_tool", {"n": 5}, "abcdef028"),
        ToolCall("alpha_tool", {"m": "q"}, "abcdef039"),
    ],
}
DROPS_CALLS = {
    "HuggingFaceTB-SmolLM3-3B",
    "LFM2-8B-A1B",
    "LFM2.5-Instruct",
    "google-gemma-2-2b-it",
    "ibm-granite-granite-3.3-2B-Instruct",
    "llama-cpp-rwkv-world",
    "microsoft-Phi-3.5-mini-instruct",
}
WRITES_OTHERWISE = {
    "CohereForAI-c4ai-command-r-plus-tool_use": "it spaces JSON over several lines",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "it closes calls only where there are two or more",
    "openai-gpt-oss-120b": "it puts the callee before the channel, and models write it behind",
}
EXCEPT = {
    ("LFM2.5-8B-A1B", "quotes"): "it escapes nothing, so that nobody could read it",
    ("LFM2.5-8B-A1B", "line breaks"): "the same",
    ("Reka-Edge", "unicode"): "it escapes what JSON need not escape",
}


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - DROPS_CALLS - set(WRITES_OTHERWISE)))
def test_calls_are_written_as_the_template_writes_them(name: str) -> None:
    source = published(name)
    render = prompter_of(source).attempt
    form, probe = find_format(source, render), Probe(render)
    assert form.calls is not None and form.shows_calls
    before, found, behind = (probe.turn(calls=HARD["nothing"]) or "").partition(write_calls(form, HARD["nothing"]))
    assert found
    for kind, calls in HARD.items():
        if (name, kind) in EXCEPT or (len(calls) > 1 and not form.calls.allows_several):
            continue
        assert probe.turn(calls=calls) == before + write_calls(form, calls) + behind, kind


@pytest.mark.parametrize("name", sorted(DROPS_CALLS))
def test_a_template_that_drops_calls_says_so(name: str) -> None:
    source = published(name)
    assert not find_format(source, prompter_of(source).attempt).shows_calls


def test_calls_to_channels_follow_each_other() -> None:
    source = published("openai-gpt-oss-120b")
    form = find_format(source, prompter_of(source).attempt)
    assert write_calls(form, [ToolCall("a", {"x": 1}), ToolCall("b", {})]) == (
        '<|channel|>commentary to=functions.a <|constrain|>json<|message|>{"x": 1}<|end|>'
        "<|start|>assistant<|channel|>commentary to=functions.b <|constrain|>json<|message|>{}"
    )
