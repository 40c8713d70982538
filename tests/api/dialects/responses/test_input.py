"""Items and tools of a body become OpenAI's chat messages and tools, or a 400 by their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv.api.dialects.contract import DialectRequest
from lsrv.errors import RequestError
from tests.api.dialects.responses.calls import asked

FUNCTION = {"type": "function", "name": "f", "strict": True, "parameters": {"type": "object", "properties": {}}}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
USER = {"role": "user", "content": "a"}


def parsed(**body: Any) -> DialectRequest:
    raw = json.dumps({"input": "a"} | body).encode()
    return asked(raw).dialect.parse(raw)


def part(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def messages(*items: Any, **body: Any) -> Any:
    return parsed(input=list(items), **body).commands[0].messages


def test_items_of_one_turn_become_one_message() -> None:
    said = messages(
        USER,
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        CALL,
        CALL | {"call_id": "d"},
        {"type": "function_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "7"}]},
        {"type": "function_call_output", "call_id": "c", "output": "8"},
        {"type": "message", "role": "assistant", "content": "e"},
        instructions="Be brief.",
    )
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": call_id, "type": "function", "function": function} for call_id in ("c", "d")]
    assert said == [
        {"role": "system", "content": "Be brief."},
        USER,
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "b"}],
            "reasoning_content": "hm",
            "tool_calls": calls,
        },
        {"role": "tool", "tool_call_id": "d", "content": part("7")},
        {"role": "tool", "tool_call_id": "c", "content": "8"},
        {"role": "assistant", "content": "e"},
    ]


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    tool = {
        "type": "custom",
        "name": "patch",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
    }
    request = parsed(
        tools=[tool],
        tool_choice={"type": "custom", "name": "patch"},
        input=[
            {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": 'say "x"'},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        ],
    )
    use, said = request.commands[0].tool_use, request.commands[0].messages
    assert use is not None and said is not None
    function: Any = use.tools[0]["function"]
    assert (use.choice, function["parameters"]["required"]) == ("required", ["input"])
    assert "start: X" in function["description"]
    calls: Any = said[0]["tool_calls"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"input": 'say "x"'}
    assert len(request.notes) == 1


def test_tools_that_nobody_here_runs_are_left_out_with_a_note() -> None:
    request = parsed(tools=[{"type": "web_search"}, FUNCTION, {"type": "mcp", "server_label": "x"}])
    use = request.commands[0].tool_use
    assert use is not None and use.names == ["f"]
    assert [note.partition(":")[0] for note in request.notes] == ["tools[0]", "tools[2]"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ("auto", ["f", "g"])),
        ("required", ("required", ["f", "g"])),
        ({"type": "function", "name": "g"}, ("required", ["g"])),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ("required", ["f"]),
        ),
    ],
)
def test_a_choice_narrows_what_may_be_called(choice: Any, expected: Any) -> None:
    use = parsed(tools=[FUNCTION, FUNCTION | {"name": "g"}], tool_choice=choice).commands[0].tool_use
    assert use is not None and (use.choice, use.names) == expected


def test_none_may_be_called_if_the_choice_says_so() -> None:
    assert parsed(tools=[FUNCTION], tool_choice="none").commands[0].tool_use is None


def test_fields_become_what_the_engine_knows() -> None:
    command = parsed(
        max_output_tokens=7,
        top_logprobs=2,
        reasoning={"effort": "low"},
        text={"verbosity": "low", "format": {"type": "json_object"}},
        temperature=0.5,
        client_metadata={"a": 1},
        prompt_cache_key="k",
    ).commands[0]
    assert (command.max_tokens, command.n_top_logprobs, command.sampling.temperature) == (7, 2, 0.5)
    assert command.template_kwargs == {"verbosity": "low", "enable_thinking": True, "reasoning_effort": "low"}
    assert command.grammar is not None and command.grammar.param == "text.format"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [USER, {"type": "function_call", "name": "f"}]}, "input[1].call_id"),
        ({"input": [USER, CALL | {"arguments": {}}]}, "input[1].arguments"),
        ({"input": [CALL, {"type": "function_call_output", "call_id": "d", "output": ""}]}, "input[1]"),
        ({"tools": [{"type": "web_search"}, {"type": "function"}]}, "tools[1].name"),
        ({"tools": [FUNCTION, {"type": "local_shell"}, FUNCTION]}, "tools[2].name"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_object"}}, "grammar": "root ::= 'a'"}, "grammar"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        parsed(**body)
    assert caught.value.param == param
