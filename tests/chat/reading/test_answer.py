from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsrv.chat.format.answer_format import PLAIN
from lsrv.chat.reading.answer import AnswerReader
from tests.chat.reading.formats import FORMATS
from tests.chat.reading.reading import TOOL_USE, Read, read

A, B = '{"text": "v \\"q\\"", "count": 7, "tree": {"k": [1, true]}}', '{"text": "w2"}'
BOTH = [("tool_a", A), ("tool-b.c", B)]
HERMES = '<tool_call>\n{{"name": "{}", "arguments": {}}}\n</tool_call>'

# An answer with two calls (Llama's format: with one) as each kind of model writes it, and what its prompt ends with.
ANSWERS: dict[str, tuple[str, str]] = {
    "hermes": ("", "\n".join(HERMES.format(*call) for call in BOTH)),
    "mistral": ("[/INST]", f"[TOOL_CALLS]tool_a[ARGS]{A}[TOOL_CALLS]tool-b.c[ARGS]{B}"),
    "nemo": (
        "[/INST]",
        f'[TOOL_CALLS][{{"name": "tool_a", "arguments": {A}, "id": "abcd00001"}}, '
        f'{{"name": "tool-b.c", "arguments": {B}, "id": "abcd00002"}}]',
    ),
    "cohere": (
        "<|START_THINKING|><|END_THINKING|>",
        f'<|START_ACTION|>[\n    {{"tool_call_id": "0", "tool_name": "tool_a", "parameters": {A}}},\n'
        f'    {{"tool_call_id": "1", "tool_name": "tool-b.c", "parameters": {B}}}\n]<|END_ACTION|>',
    ),
    "kimi": (
        "",
        "<|tool_calls_section_begin|>"
        f"<|tool_call_begin|>functions.tool_a:0<|tool_call_argument_begin|>{A}<|tool_call_end|>"
        f"<|tool_call_begin|>functions.tool-b.c:1<|tool_call_argument_begin|>{B}<|tool_call_end|>"
        "<|tool_calls_section_end|>",
    ),
    "apertus": ("", f'<|tools_prefix|>[{{"tool_a": {A}}}, {{"tool-b.c": {B}}}]<|tools_suffix|>'),
    "llama": ("", f'{{"name": "tool_a", "parameters": {A}}}'),
    "functionary": ("<|end_header_id|>\n\n>>>", f"tool_a\n{A}>>>tool-b.c\n{B}"),
    "qwen_coder": (
        "<|im_start|>assistant\n",
        '<tool_call>\n<function=tool_a>\n<parameter=text>\nv "q"\n</parameter>\n<parameter=count>\n7\n</parameter>\n'
        '<parameter=tree>\n{"k": [1, true]}\n</parameter>\n</function>\n</tool_call>\n'
        "<tool_call>\n<function=tool-b.c>\n<parameter=text>\nw2\n</parameter>\n</function>\n</tool_call>",
    ),
    "glm": (
        "<|assistant|>",
        '<tool_call>tool_a\n<arg_key>text</arg_key>\n<arg_value>v "q"</arg_value>\n<arg_key>count</arg_key>\n'
        '<arg_value>7</arg_value>\n<arg_key>tree</arg_key>\n<arg_value>{"k": [1, true]}</arg_value>\n</tool_call>\n'
        "<tool_call>tool-b.c\n<arg_key>text</arg_key>\n<arg_value>w2</arg_value>\n</tool_call>",
    ),
    "deepseek": (
        "<think></think>",
        '<|DSML|function_calls>\n<|DSML|invoke name="tool_a">\n'
        '<|DSML|parameter name="text" string="true">v "q"</|DSML|parameter>\n'
        '<|DSML|parameter name="count" string="false">7</|DSML|parameter>\n'
        '<|DSML|parameter name="tree" string="false">{"k": [1, true]}</|DSML|parameter>\n</|DSML|invoke>\n'
        '<|DSML|invoke name="tool-b.c">\n<|DSML|parameter name="text" string="true">w2</|DSML|parameter>\n'
        "</|DSML|invoke>\n</|DSML|function_calls>",
    ),
    "seed": (
        "",
        '<seed:tool_call>\n<function=tool_a>\n<parameter=text>v "q"</parameter>\n<parameter=count>7</parameter>\n'
        "<parameter=tree>{'k': [1, True]}</parameter>\n</function>\n</seed:tool_call>\n"
        "<seed:tool_call>\n<function=tool-b.c>\n<parameter=text>w2</parameter>\n</function>\n</seed:tool_call>",
    ),
    "minimax": (
        "</mm:think>",
        ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="tool_a">]<]minimax[>[<text>v "q"]<]minimax[>[</text>'
        "]<]minimax[>[<count>7]<]minimax[>[</count>]<]minimax[>[<tree>]<]minimax[>[<k>]<]minimax[>[<item>1"
        "]<]minimax[>[</item>]<]minimax[>[<item>true]<]minimax[>[</item>]<]minimax[>[</k>]<]minimax[>[</tree>"
        ']<]minimax[>[</invoke>\n]<]minimax[>[<invoke name="tool-b.c">]<]minimax[>[<text>w2]<]minimax[>[</text>'
        "]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>",
    ),
    "liquid": (
        "",
        "<|tool_call_start|>[tool_a(text='v \"q\"', count=7, tree={\"k\": [1, true]}), tool-b.c(text='w2')]"
        "<|tool_call_end|>",
    ),
    "gemma": (
        "<|channel>thought\n<channel|>",
        '<|tool_call>call:tool_a{text:<|"|>v "q"<|"|>,count:7,tree:{k:[1,true]}}<tool_call|>'
        '<|tool_call>call:tool-b.c{text:<|"|>w2<|"|>}<tool_call|>',
    ),
    "gpt_oss": (
        "<|start|>assistant",
        f"<|channel|>commentary to=functions.tool_a <|constrain|>json<|message|>{A}<|call|>"
        f"<|start|>assistant to=functions.tool-b.c<|channel|>commentary json<|message|>{B}<|call|>",
    ),
    "glimmer": (
        "<|start|>assistant",
        ' to=tool_a<|message|><atem:function_calls>\n<atem:invoke name="tool_a">\n'
        '<atem:parameter name="text">v "q"</atem:parameter>\n<atem:parameter name="count">7</atem:parameter>\n'
        '<atem:parameter name="tree">{"k": [1, true]}</atem:parameter>\n</atem:invoke>\n</atem:function_calls><|eom|>'
        '<|start|>assistant to=tool-b.c<|message|><atem:function_calls>\n<atem:invoke name="tool-b.c">\n'
        '<atem:parameter name="text">w2</atem:parameter>\n</atem:invoke>\n</atem:function_calls><|eot|>',
    ),
}  # fmt: skip

# What stands in front of the calls for a thought "hm, so" and a text "Let me see."
THOUGHTS = {
    "hermes": "<think>\nhm, so\n</think>\n\nLet me see.\n",
    "mistral": "[THINK]hm, so[/THINK]Let me see.",
    "qwen_coder": "<think>\nhm, so\n</think>\n\nLet me see.\n\n",
    "glm": "\n<think>hm, so</think>\nLet me see.\n",
    "seed": "<seed:think>hm, so</seed:think>\nLet me see.\n\n",
    "gpt_oss": "<|channel|>analysis<|message|>hm, so<|end|><|start|>assistant"
    "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant",
    "glimmer": " to=self<|message|>hm, so<|eom|><|start|>assistant to=user<|message|>Let me see.<|eom|>"
    "<|start|>assistant",
}

CUTS = st.lists(st.integers(0, 10_000), max_size=60)


@pytest.mark.parametrize("name", ANSWERS)
def test_calls_are_read_as_each_kind_of_model_writes_them(name: str) -> None:
    prompt, text = ANSWERS[name]
    found = read(FORMATS[name], text, prompt=prompt)
    n = 1 if name == "llama" else 2
    assert found.values == Read("", "", BOTH[:n], "", n).values
    assert found[:2] + found[3:] == ("", "", "", n)


@pytest.mark.parametrize("name", THOUGHTS)
def test_a_thought_and_a_text_in_front_of_calls_are_told_apart(name: str) -> None:
    prompt, text = ANSWERS[name]
    found = read(FORMATS[name], THOUGHTS[name] + text, prompt=prompt)
    assert (found.content, found.reasoning, found.n_calls, found.complaint) == ("Let me see.", "hm, so", 2, "")


@pytest.mark.parametrize("name", ANSWERS)
@given(cuts=CUTS, n=st.integers(0, 10_000))
@settings(max_examples=40)
def test_any_pieces_of_an_answer_give_what_the_whole_does_also_where_it_is_cut_off(
    name: str, cuts: list[int], n: int
) -> None:
    prompt, text = ANSWERS[name]
    text = THOUGHTS.get(name, "") + text + " and more"
    text = text[: n % (2 * len(text)) + 1]
    assert read(FORMATS[name], text, prompt=prompt, cuts=cuts) == read(FORMATS[name], text, prompt=prompt)


@pytest.mark.parametrize("name", ANSWERS)
@given(
    text=st.text("<|[]{}>=/'\": \n,", max_size=20).flatmap(
        lambda noise: st.sampled_from([noise, noise + "tool_a", "tool_a" + noise])
    ),
    n=st.integers(0, 10_000),
    cuts=CUTS,
)
@settings(max_examples=40)
def test_nothing_that_a_model_may_write_is_an_error(name: str, text: str, n: int, cuts: list[int]) -> None:
    prompt, answer = ANSWERS[name]
    n %= len(answer)
    broken = answer[:n] + text + answer[n:]
    whole = read(FORMATS[name], broken, prompt=prompt)
    assert read(FORMATS[name], broken, prompt=prompt, cuts=cuts) == whole


@pytest.mark.parametrize("name", ANSWERS)
def test_a_text_after_the_calls_is_content(name: str) -> None:
    prompt, text = ANSWERS[name]
    behind = {
        "functionary": ">>>all\nDone.",
        "gpt_oss": "<|start|>assistant<|channel|>final<|message|>Done.",
        "glimmer": "<|start|>assistant to=user<|message|>Done.",
    }
    found = read(FORMATS[name], text + "\n" + behind.get(name, "Done."), prompt=prompt)
    assert (found.content, found.complaint) == ("Done.", "")


@pytest.mark.parametrize("name", ANSWERS)
def test_calls_are_text_where_none_may_be_made(name: str) -> None:
    prompt, text = ANSWERS[name]
    found = read(FORMATS[name], text, prompt=prompt, tool_use=None)
    assert (found.calls, found.complaint) == ([], "")
    assert "w2" in found.content or name == "llama"


def test_thoughts_are_thoughts_without_tools_too() -> None:
    assert read(FORMATS["mistral"], "[THINK]a[/THINK]b", tool_use=None)[:2] == ("b", "a")
    text = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>"
    assert read(FORMATS["gpt_oss"], text, prompt="<|start|>assistant", tool_use=None)[:2] == ("b", "a")


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
        ("  indented  ", "  indented  ", ""),
        ("", "", ""),
    ],
)
@given(cuts=CUTS)
def test_reasoning_and_content_are_told_apart_wherever_the_text_is_cut(
    text: str, content: str, reasoning: str, cuts: list[int]
) -> None:
    assert read(PLAIN, text, cuts=cuts)[:2] == (content, reasoning)


@pytest.mark.parametrize(
    ("name", "prompt", "n_prefill", "text", "content", "reasoning"),
    [
        ("hermes", "<|assistant|>\n<think>\n", 0, "so\n</think>\n\n42", "42", "so"),
        ("hermes", "<|assistant|>\n<think>abc", 10, "def</think>42", "42", "def"),
        ("hermes", "what is <think>?<|assistant|>\n", 0, "A tag.", "A tag.", ""),
        ("hermes", "what is <think>?<|assistant|>\nIt is", 5, " a tag.", " a tag.", ""),
        ("hermes", "<|assistant|>\n<think>abc</think>4", 20, "2", "2", ""),
        ("cohere", "<|START_THINKING|>", 0, "hm<|END_THINKING|><|START_RESPONSE|>42<|END_RESPONSE|>", "42", "hm"),
        ("cohere", "<|START_THINKING|><|END_THINKING|><|START_RESPONSE|>", 0, "42<|END_RESPONSE|>", "42", ""),
        ("gpt_oss", "<|start|>assistant<|channel|>analysis<|message|>ab", 2, "cd<|end|>", "", "cd"),
        ("gpt_oss", "<|start|>assistant<|channel|>final<|message|>4", 1, "2<|return|>", "2", ""),
        ("gpt_oss", "<|start|>assistant<|channel|>", 0, "final<|message|>42", "42", ""),
        ("functionary", "<|end_header_id|>\n\n>>>", 0, "all\n42", "42", ""),
    ],
)
@given(cuts=CUTS)
def test_an_answer_begins_where_its_prompt_ends(
    name: str, prompt: str, n_prefill: int, text: str, content: str, reasoning: str, cuts: list[int]
) -> None:
    found = read(FORMATS[name], text, prompt=prompt, n_prefill=n_prefill, cuts=cuts)
    assert found[:2] == (content, reasoning)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HERMES.format("shown_only", "{}"), "'shown_only', and no such tool"),
        (HERMES.format("n" * 400, "{}"), "no end"),
        ('<tool_call>\n{"name": "tool_a", "arguments": [1]}\n</tool_call>', "no JSON object"),
        ("<tool_call>\nwhat?", "is missing"),
        ('<tool_call>\n{"name": "tool_a", "argum', "ends in the middle"),
    ],
)
@given(cuts=CUTS)
def test_what_is_no_call_is_content_and_the_reader_says_why(text: str, complaint: str, cuts: list[int]) -> None:
    found = read(FORMATS["hermes"], f"Well:\n{text}", cuts=cuts)
    assert (found.content, found.calls) == (f"Well:\n{text}", [])
    assert complaint in found.complaint


def test_a_call_behind_one_of_an_unknown_tool_is_read() -> None:
    text = HERMES.format("unknown", "{}") + "\n" + HERMES.format("tool-b.c", B)
    found = read(FORMATS["hermes"], text)
    assert (found.content, found.calls, found.n_calls) == (HERMES.format("unknown", "{}"), [("tool-b.c", B)], 1)


def test_a_call_that_is_cut_off_in_its_arguments_stays_a_call() -> None:
    found = read(FORMATS["hermes"], HERMES.format(*BOTH[0])[:60])
    assert found.content == ""
    assert found.n_calls == 0
    assert found.calls[0][0] == "tool_a"
    assert A.startswith(found.calls[0][1])
    assert "ends in the middle" in found.complaint


@pytest.mark.parametrize("n", range(1, len("}\n</tool_call>") + 1))
def test_what_closes_a_call_is_no_content_where_it_is_cut_off(n: int) -> None:
    text = HERMES.format(*BOTH[0])
    found = read(FORMATS["hermes"], text[: len(text) - n])
    assert (found.content, found.calls, found.n_calls, found.complaint) == ("", [BOTH[0]], 1, "")


def test_arguments_that_turn_out_to_be_none_are_content_as_a_whole() -> None:
    text = HERMES.format("tool_a", '{"text": nothing}')
    reader = AnswerReader(FORMATS["hermes"], "", TOOL_USE)
    content = reader.push(text).content + reader.flush().content
    assert (content, reader.n_calls, reader.is_broken) == (text, 0, True)
    assert "no valid JSON" in reader.complaint


def test_a_document_that_looks_like_a_bare_call_is_a_document() -> None:
    text = '{"name": "Ada", "parameters": {}}'
    assert read(FORMATS["llama"], text) == Read(text, "", [], "", 0)
    text = 'Say {"name": "tool_a", "parameters": {}}'
    assert read(FORMATS["llama"], text) == Read(text, "", [], "", 0)


@pytest.mark.parametrize("name", ["hermes", "nemo", "cohere", "llama"])
def test_white_space_of_a_call_is_as_the_model_likes_it(name: str) -> None:
    prompt, text = ANSWERS[name]
    text = re.sub(r"\s+", "", text.replace('v \\"q\\"', "v_q"))
    tight = read(FORMATS[name], text, prompt=prompt)
    wide = read(FORMATS[name], re.sub(r"([{},:]|\[(?=\{))", r"\n \1 ", text), prompt=prompt)
    assert tight.n_calls == wide.n_calls == (1 if name == "llama" else 2)
    assert tight.values == wide.values
    assert wide.content == ""


def test_an_id_that_the_model_writes_is_the_id_of_its_call() -> None:
    reader = AnswerReader(FORMATS["mistral_ids"], "", TOOL_USE)
    calls = reader.push(f"[TOOL_CALLS]tool_a[CALL_ID]abcd00001[ARGS]{A}").calls
    assert [call.id for call in calls] == ["abcd00001", ""]


def test_an_id_is_made_where_the_model_writes_none() -> None:
    reader = AnswerReader(FORMATS["hermes"], "", TOOL_USE)
    calls = reader.push("\n".join(HERMES.format(*call) for call in BOTH)).calls
    ids = [call.id for call in calls if call.name]
    assert all(re.fullmatch("call_[0-9a-f]{24}", each) for each in ids)
    assert len(set(ids)) == 2


def test_arguments_are_told_while_they_come() -> None:
    reader = AnswerReader(FORMATS["hermes"], "", TOOL_USE)
    assert reader.push('<tool_call>\n{"name": "tool_a", "arguments": ').calls == []
    first, begun = reader.push('{"text": "a b').calls
    assert (first.name, first.arguments, begun.arguments) == ("tool_a", "", '{"text": "a b')
    assert [call.arguments for call in reader.push(" c").calls] == [" c"]


def test_only_what_may_begin_a_mark_is_held_back() -> None:
    reader = AnswerReader(FORMATS["hermes"], "", TOOL_USE)
    pieces = ["a ", "b", " <", "b> <tool", "bar"]
    assert [reader.push(piece).content for piece in pieces] == ["a", " b", "", " <b>", " <toolbar"]
