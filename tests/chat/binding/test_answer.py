"""What an answer may hold: thoughts, text or a document, calls of tools."""

from __future__ import annotations

import pytest

from lsrv.chat.binding.schema import parameters_of
from lsrv.chat.format.answer_format import AnswerFormat, CallFormat, Channels, Hole, JsonArguments, Marks
from lsrv.errors import GrammarError
from lsrv.protocol.commands import ToolUse
from tests.chat.binding.walking import forced, is_allowed, source_of

THINK = Marks("<think>", "</think>")
HERMES = CallFormat(
    parts=['<tool_call>\n{"name": "', Hole("name"), '", "arguments": ', Hole("arguments"), "}\n</tool_call>"],
    arguments=JsonArguments(),
    between="\n",
)
LLAMA = CallFormat(
    parts=['{"name": "', Hole("name"), '", "parameters": ', Hole("arguments"), "}"],
    arguments=JsonArguments(),
    allows_several=False,
)
QWEN = AnswerFormat(thoughts=THINK, calls=HERMES)
HARMONY = AnswerFormat(
    calls=CallFormat(parts=[Hole("arguments")], arguments=JsonArguments(), allows_several=False),
    channels=Channels(
        start="<|start|>assistant",
        message="<|message|>",
        ends=["<|end|>", "<|call|>", "<|return|>"],
        thoughts=["<|channel|>analysis"],
        text="<|channel|>final",
        preamble="<|channel|>commentary",
        callee="to=functions.",
        call="<|channel|>commentary to=functions.{name} <|constrain|>json",
    ),
)
CALL = '<tool_call>\n{"name": "add", "arguments": {"n": 7}}\n</tool_call>'
SCHEMA = '{"type": "object", "properties": {"done": {"type": "boolean"}}, "required": ["done"]}'


def tool(name: str, parameters: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


ADD = tool("add", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
STOP = tool("stop", {"type": "object", "properties": {}})


def using(*tools: dict[str, object], **options: object) -> ToolUse:
    given = {"tools": list(tools), "names": [each["function"]["name"] for each in tools]}  # pyright: ignore
    return ToolUse(**(given | options))  # pyright: ignore


def test_a_required_call_is_forced_from_the_first_token() -> None:
    source = source_of(QWEN, using(ADD, choice="required"))
    assert forced(source) == '<tool_call>\n{"name": "add", "arguments": {"n": '
    assert is_allowed(source, CALL)
    assert not is_allowed(source, "No.")


def test_only_the_tools_that_may_be_called_are() -> None:
    source = source_of(QWEN, using(ADD, STOP, names=["stop"], choice="required"))
    assert is_allowed(source, '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>')
    assert not is_allowed(source, CALL)


def test_a_thought_may_stand_before_a_required_call_where_the_model_thinks_and_must_end() -> None:
    source = source_of(QWEN, using(ADD, choice="required"), beginning="start")
    assert is_allowed(source, f"<think>\nlet me <tool_call> see\n</think>\n\n{CALL}")
    assert is_allowed(source, CALL)
    assert not is_allowed(source, "<think>hm")
    opened = source_of(QWEN, using(ADD, choice="required"), beginning="thought")
    assert is_allowed(opened, f"hm</think>{CALL}")
    assert not is_allowed(opened, CALL)


def test_text_is_free_until_a_call_begins_and_bound_from_there_on() -> None:
    source = source_of(QWEN, using(ADD), beginning="start")
    for text in (
        "",
        "Hello <b>world</b>",
        "a <tool_cal",
        f"I will add.\n{CALL}",
        f"{CALL}\n{CALL}",
        f"<think>x</think>{CALL}",
    ):
        assert is_allowed(source, text), text
    assert forced(source, "Well: <tool_call>") == '\n{"name": "add", "arguments": {"n": '
    assert not is_allowed(source, f"{CALL} and more")


def test_one_call_is_all_where_several_are_not_wanted_or_not_known() -> None:
    assert not is_allowed(source_of(QWEN, using(ADD, is_parallel=False)), f"{CALL}\n{CALL}")
    bare = source_of(AnswerFormat(calls=LLAMA), using(ADD))
    call = '{"name": "add", "parameters": {"n": 7}}'
    assert is_allowed(bare, call)
    assert not is_allowed(bare, call + call)


def test_an_answer_that_begins_like_a_call_without_a_mark_is_one() -> None:
    source = source_of(AnswerFormat(calls=LLAMA), using(ADD, STOP))
    for text in ('{"name": "Ann"}', 'The JSON {"name": "add"}', "{}", '{"name": "add_up", "x": 1}'):
        assert is_allowed(source, text), text
    for text in ('{"name": "add"}', '{ "name":"add", "n": 7}', '{"name": "add", "parameters": {"m": 7}}'):
        assert not is_allowed(source, text), text


def test_beside_tools_a_schema_binds_what_is_no_call() -> None:
    source = source_of(QWEN, using(ADD), schema=SCHEMA)
    assert is_allowed(source, CALL)
    assert is_allowed(source, '{"done":true}')
    assert not is_allowed(source, "Yes.")
    required = source_of(QWEN, using(ADD, choice="required"), schema=SCHEMA)
    assert not is_allowed(required, '{"done":true}')


def test_thoughts_of_any_mark_stand_before_a_document() -> None:
    source = source_of(AnswerFormat(thoughts=Marks("[THINK]", "[/THINK]")), beginning="start", schema=SCHEMA)
    assert is_allowed(source, '[THINK]{"done": maybe}[/THINK]\n{"done":true}')
    assert is_allowed(source, '{"done":true}')


def test_channels_hold_thoughts_then_text_or_a_call() -> None:
    thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    call = '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"n": 7}'
    text = "<|channel|>final<|message|>Hello"
    auto = source_of(HARMONY, using(ADD), beginning="start")
    for answer in (text, call, thought + text, thought + thought + call):
        assert is_allowed(auto, answer), answer
    required = source_of(HARMONY, using(ADD, choice="required"), beginning="start")
    assert is_allowed(required, thought + call)
    preamble = "<|channel|>commentary<|message|>I will add.<|end|><|start|>assistant"
    assert is_allowed(auto, thought + preamble + call)
    assert not is_allowed(required, preamble + call)
    assert not is_allowed(required, thought + text)
    document = source_of(HARMONY, schema=SCHEMA, beginning="start")
    assert is_allowed(document, thought + '<|channel|>final<|message|>{"done":true}')
    assert not is_allowed(document, thought + text)


def test_a_mark_that_the_prompt_has_begun_is_not_written_again() -> None:
    call = CallFormat(parts=[">>>", Hole("name"), "\n", Hole("arguments")], arguments=JsonArguments())
    form = AnswerFormat(text=Marks(">>>all", ""), calls=call)
    required = source_of(form, using(ADD, choice="required"), begun=">>>")
    assert forced(required) == 'add\n{"n": '
    auto = source_of(form, using(ADD, tool("allocate", {})), begun=">>>")
    for text in (
        "all",
        "all\nHello",
        'add\n{"n": 7}',
        'all\nWell:\n>>>add\n{"n": 7}',
        "allocate\n{}",
        'add\n{"n": 7}>>>add\n{"n": 8}',
    ):
        assert is_allowed(auto, text), text
    for text in ("Hello", "allocate\nHello", 'all\n>>>add\n{"m": 7}', '>>>add\n{"n": 7}'):
        assert not is_allowed(auto, text), text
    document = source_of(form, using(ADD), begun=">>>", schema=SCHEMA)
    assert is_allowed(document, 'all\n{"done":true}')
    assert is_allowed(document, 'add\n{"n": 7}')


def test_a_tool_whose_schema_is_none_of_an_object_is_named() -> None:
    with pytest.raises(GrammarError) as caught:
        source_of(QWEN, using(STOP, tool("bad", {"type": "string"})))
    assert caught.value.param == "tools[1].function.parameters"
    assert 'its type must be "object"' in str(caught.value)


def test_hundreds_of_tools_are_one_grammar() -> None:
    many = [tool(f"do-{i}.it", {"type": "object", "properties": {"n": {"const": i}}}) for i in range(300)]
    source = source_of(QWEN, using(*many))
    call = CALL.replace("add", "do-250.it").replace("7", "250")
    assert is_allowed(source, call)
    assert not is_allowed(source, call.replace('"n": 250', '"n": 251'))


def test_what_a_schema_requires_and_does_not_describe_may_be_anything() -> None:
    given = {"type": "object", "properties": {"city": {}}, "required": ["city", "day"]}
    schema = parameters_of({"function": {"name": "f", "parameters": given}})
    assert schema["properties"] == {"city": {}, "day": {}}
    assert schema["additionalProperties"] is False
