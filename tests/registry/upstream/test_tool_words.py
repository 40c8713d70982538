"""Tools to a remote server, and its calls back as events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lsrv.protocol.commands import Generate, ToolUse
from lsrv.protocol.events import CallDelta
from lsrv.registry.upstream.openai_words import Reading, path_and_body

TOOLS: list[dict[str, object]] = [{"type": "function", "function": {"name": name}} for name in ("f", "g", "h")]


def sent(**use: Any) -> dict[str, object]:
    tool_use = ToolUse(**({"tools": TOOLS, "names": ["f", "g", "h"]} | use))
    _, body = path_and_body(Generate(request_id=0, messages=[], tool_use=tool_use), "m")
    return {name: body[name] for name in ("tools", "tool_choice", "parallel_tool_calls") if name in body}


def call(**fields: Any) -> dict[str, object]:
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    return fields | {"function": function}


def streamed(*deltas: dict[str, object], reason: str = "tool_calls") -> tuple[list[CallDelta], str]:
    reading, calls = Reading(0.0), list[CallDelta]()
    for delta in [*deltas, None]:
        choice = {"delta": delta} if delta is not None else {"delta": {}, "finish_reason": reason}
        read = reading.delta({"choices": [choice]}, 1.0)
        calls += read.calls if read else []
    return calls, reading.end().finish_reason


def test_all_tools_travel_with_the_choice() -> None:
    assert sent() == {"tools": TOOLS, "tool_choice": "auto"}
    assert sent(choice="required", is_parallel=False) == {
        "tools": TOOLS,
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }


def test_a_named_choice_is_named_and_tools_that_may_not_be_called_stay_here() -> None:
    named = sent(choice="required", names=["g"])
    assert named == {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "g"}}}
    assert sent(names=["f", "h"]) == {"tools": [TOOLS[0], TOOLS[2]], "tool_choice": "auto"}


def test_pieces_of_calls_come_back_with_names_and_ids_once() -> None:
    calls, reason = streamed(
        {"tool_calls": [call(index=0, id="a", name="f", arguments="")]},
        {"tool_calls": [call(index=0, id="a", name="f", arguments='{"x"')]},  # some repeat themselves
        {"tool_calls": [call(index=0, arguments=": 1}"), call(index=1, id="b", name="g", arguments="{}")]},
    )
    assert calls == [
        CallDelta(0, "", "f", "a"),
        CallDelta(0, '{"x"'),
        CallDelta(0, ": 1}"),
        CallDelta(1, "{}", "g", "b"),
    ]
    assert reason == "tool_calls"


def test_several_calls_under_one_index_or_under_none_are_told_apart() -> None:
    one = {"tool_calls": [call(index=0, id="a", name="f", arguments="{}")]}
    other = {"tool_calls": [call(index=0, id="b", name="f", arguments="[]")]}
    assert [delta.index for delta in streamed(one, other)[0]] == [0, 1]
    bare = [{"tool_calls": [call(id=name, name="f", arguments="{}")]} for name in "ab"]
    assert [(delta.index, delta.id) for delta in streamed(*bare)[0]] == [(0, "a"), (1, "b")]


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call", ""])
def test_an_answer_with_calls_ends_with_them_whatever_the_server_says(reason: str) -> None:
    assert streamed({"tool_calls": [call(index=0, id="a", name="f", arguments="{}")]}, reason=reason)[1] == "tool_calls"
    assert streamed({"content": "Hi"}, reason=reason)[1] == "stop"


def test_a_call_in_the_old_word_and_without_an_id_gets_one() -> None:
    (delta,) = streamed({"function_call": {"name": "f", "arguments": "{}"}})[0]
    assert (delta.name, delta.arguments) == ("f", "{}") and delta.id.startswith("call_")


def test_a_whole_answer_brings_its_calls() -> None:
    message = {"content": None, "tool_calls": [call(id="a", name="f", arguments="{}"), call(id="b", name="g")]}
    answer: dict[str, object] = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    end = Reading(0.0).whole(answer, 1.0)
    assert end.calls == [CallDelta(0, "{}", "f", "a"), CallDelta(1, "", "g", "b")]
    assert (end.finish_reason, end.text) == ("tool_calls", "")


def test_a_call_without_a_name_is_nonsense() -> None:
    with pytest.raises(msgspec.ValidationError, match="name"):
        streamed({"tool_calls": [call(index=0, id="a", arguments="{}")]})
