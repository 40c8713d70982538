"""What a body says of tools becomes what an answer may call, or a refusal that names the place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv.api.dialects.openai.chat import parse_chat
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate, ToolUse

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
TIME: dict[str, Any] = {"type": "function", "function": {"name": "get.time-now"}}
NO_PARAMETERS = {"type": "object", "properties": {}}
BARE_TIME = {"type": "function", "function": {"name": "get.time-now", "parameters": NO_PARAMETERS}}


def command(**body: Any) -> Generate:
    return parse_chat(json.dumps({"messages": "a"} | body).encode()).commands[0]


def use(**body: Any) -> ToolUse:
    found = command(**({"tools": [WEATHER, TIME]} | body)).tool_use
    assert found is not None
    return found


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named(name) for name in names]}}


def test_tools_are_shown_as_they_are_and_may_all_be_called() -> None:
    assert use() == ToolUse(tools=[WEATHER, BARE_TIME], names=["weather", "get.time-now"])
    assert use(tool_choice="auto") == use()


def test_keys_of_a_tool_keep_their_order_and_unknown_ones_stay() -> None:
    function = {"strict": True, "parameters": {"type": "object", "x": 1}, "name": "f", "description": "d"}
    assert json.dumps(use(tools=[{"function": function}]).tools[0]["function"]) == json.dumps(function)


@pytest.mark.parametrize("body", [{}, {"tools": []}, {"tools": None}, {"tools": [WEATHER], "tool_choice": "none"}])
def test_no_tools_or_the_choice_of_none_shows_none(body: dict[str, Any]) -> None:
    assert command(**body).tool_use is None
    assert command(tool_choice="none", **{"functions": [WEATHER["function"]], "function_call": "none"}).tool_use is None


def test_a_required_call_may_be_of_any_tool() -> None:
    found = use(tool_choice="required")
    assert (found.choice, found.names, found.is_parallel) == ("required", ["weather", "get.time-now"], True)


def test_a_named_choice_is_one_call_of_that_tool_with_all_shown() -> None:
    found = use(tool_choice=named("weather"))
    assert (found.choice, found.names, found.is_parallel) == ("required", ["weather"], False)
    assert len(found.tools) == 2


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_of_allowed_tools_all_are_shown_and_those_may_be_called(mode: str) -> None:
    found = use(tool_choice=allowed(mode, "get.time-now"))
    assert (found.choice, found.names, len(found.tools)) == (mode, ["get.time-now"], 2)


def test_parallel_calls_can_be_switched_off() -> None:
    assert use().is_parallel
    assert not use(parallel_tool_calls=False).is_parallel


@pytest.mark.parametrize(
    ("function_call", "choice", "names"),
    [(None, "auto", ["f", "g"]), ("auto", "auto", ["f", "g"]), ({"name": "g"}, "required", ["g"])],
)
def test_functions_are_tools_of_which_one_may_be_called(function_call: object, choice: str, names: list[str]) -> None:
    functions = [{"name": "f"}, {"name": "g"}]
    found = use(tools=None, functions=functions, function_call=function_call)
    assert (found.choice, found.names, found.is_parallel) == (choice, names, False)
    assert found.tools[0] == {"type": "function", "function": {"name": "f", "parameters": NO_PARAMETERS}}


@pytest.mark.parametrize(
    ("body", "param", "why"),
    [
        ({"tools": [WEATHER, {"type": "function", "function": {}}]}, "tools[1].function.name", "missing"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "letters"),
        ({"tools": [named("f" * 129)]}, "tools[0].function.name", "128"),
        ({"tools": [named("f"), TIME, named("f")]}, "tools[2].function.name", r"tools\[0\] is called 'f'"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing"),
        ({"tools": ["weather"]}, "tools[0]", "object"),
        ({"tools": [WEATHER, {"type": "web_search"}]}, "tools[1].type", "web_search"),
        (
            {"tools": [{"function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
            "JSON Schema",
        ),
        (
            {"tools": [{"function": {"name": "f", "parameters": {"type": "array"}}}]},
            "tools[0].function.parameters.type",
            "array",
        ),
        ({"tools": [{"function": {"name": "f", "description": 1}}]}, "tools[0].function.description", "text"),
        ({"tools": [named(f"f{i}") for i in range(513)]}, "tools", "at most 512"),
        ({"tools": [{"function": {"name": "f", "description": "x" * 2**20}}]}, "tools", "1024 KiB"),
        ({"tools": [{"function": {"name": "f", "parameters": {"x": 2**70}}}]}, "tools", "64 bits"),
        ({"tools": [WEATHER], "tool_choice": named("rain")}, "tool_choice.function.name", "there are: weather"),
        ({"tools": [WEATHER], "tool_choice": allowed("auto")}, "tool_choice.allowed_tools.tools", "at least one"),
        (
            {"tools": [WEATHER], "tool_choice": allowed("auto", "weather", "rain")},
            "tool_choice.allowed_tools.tools[1].function.name",
            "rain",
        ),
        ({"tools": [WEATHER], "tool_choice": {"type": "function"}}, "tool_choice.function", "name"),
        ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice", "sometimes"),
        ({"tool_choice": "required"}, "tool_choice", "no tools"),
        ({"tool_choice": named("weather")}, "tool_choice.function.name", "none"),
        ({"functions": [{"name": "f"}, {}]}, "functions[1].name", r"functions\[1\]\.name"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name", "there are: f"),
        ({"functions": [{"name": "f"}], "tools": [WEATHER]}, "functions", "keep tools"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(body: dict[str, Any], param: str, why: str) -> None:
    with pytest.raises(RequestError, match=why) as caught:
        command(**body)
    assert caught.value.param == param


def test_the_length_of_a_thought_can_be_bounded_under_both_names() -> None:
    assert command(reasoning_budget=5).reasoning_budget == 5
    assert command(thinking_budget_tokens=0).reasoning_budget == 0
    assert command(reasoning_budget=-1).reasoning_budget is None


def test_verbosity_reaches_the_template() -> None:
    assert command(verbosity="low").template_kwargs == {"verbosity": "low"}


def test_what_is_of_no_use_here_is_accepted() -> None:
    body = {"store": True, "metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"}
    assert command(**body) == command()
