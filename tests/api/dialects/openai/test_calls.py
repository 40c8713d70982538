"""Events of calls become what OpenAI's clients read: whole and as a stream, in the words of today and of before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from lsrv.api.dialects.contract import Heading, Reply
from lsrv.api.dialects.openai.chat import parse_chat
from lsrv.protocol.events import CallDelta, Delta, Finished, TokenLogprob, Usage
from lsrv.response_cache import whole_answer

USAGE = Usage(10, 4, 5, 2, 0.5, 0.25, 0.5)
FUNCTION = {"name": "f"}
PIECES = [
    Delta(1, "Let me see.", "hm"),
    Delta(1, "", "", None, [CallDelta(0, "", "f", "call_a")]),
    Delta(1, "", "", None, [CallDelta(0, '{"a":'), CallDelta(0, " 1}")]),
    Delta(1, "", "", None, [CallDelta(1, "{}", "g", "call_b")]),
]
END = Finished(1, "tool_calls", "", "", USAGE)
CALLS = [
    {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
    {"id": "call_b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
]


def reply(**body: Any) -> Reply:
    request = {"messages": "a", "tools": [{"function": FUNCTION}]} | body
    return parse_chat(json.dumps(request).encode()).make_reply(Heading("m", 1))


def choices(data: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in data.decode().split("\n\n") if line.startswith("data: {")]
    return [ChatCompletionChunk.model_validate_json(line) and json.loads(line)["choices"][0] for line in lines]


def streamed(reply: Reply, events: list[Delta], end: Finished) -> list[Any]:
    return choices(b"".join([reply.head(), *(reply.delta(0, event) for event in events), reply.finish(0, end)]))


def test_a_call_begins_with_id_and_name_and_goes_on_with_arguments_alone() -> None:
    deltas = [choice["delta"] for choice in streamed(reply(), PIECES, END)]
    first = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Let me see.", "reasoning_content": "hm"},
        {"content": None, "tool_calls": [{"index": 0} | first]},
        {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]},
        {"content": None, "tool_calls": [{"index": 1} | CALLS[1] | {"function": {"name": "g", "arguments": ""}}]},
        {"content": None, "tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"content": ""},
    ]


def test_the_finish_reason_comes_once_and_last() -> None:
    assert [choice["finish_reason"] for choice in streamed(reply(), PIECES, END)] == [None] * 7 + ["tool_calls"]


def test_a_whole_answer_holds_whole_calls_beside_its_text() -> None:
    (end,) = whole_answer([*((0, piece) for piece in PIECES), (0, END)])
    body = reply().body([end])
    ChatCompletion.model_validate_json(body)
    (choice,) = json.loads(body)["choices"]
    assert choice["message"]["tool_calls"] == CALLS
    assert (choice["message"]["content"], choice["message"]["reasoning_content"]) == ("Let me see.", "hm")
    assert choice["finish_reason"] == "tool_calls"


def test_content_is_null_beside_calls_and_nothing_else() -> None:
    end = Finished(1, "tool_calls", "", "", USAGE, calls=[CallDelta(0, "{}", "f", "call_a")])
    assert json.loads(reply().body([end]))["choices"][0]["message"]["content"] is None
    assert json.loads(reply().body([Finished(1, "stop", "", "", USAGE)]))["choices"][0]["message"]["content"] == ""


def test_calls_that_come_with_the_end_are_streamed_before_it() -> None:
    end = Finished(1, "tool_calls", "", "", USAGE, calls=[CallDelta(0, "{}", "f", "call_a")])
    said = streamed(reply(), [], end)
    names = [call.get("function", {}).get("name") for each in said for call in each["delta"].get("tool_calls", [])]
    assert names == ["f", None]
    assert said[-1] == {"index": 0, "delta": {"content": ""}, "logprobs": None, "finish_reason": "tool_calls"}


def test_who_offers_functions_reads_a_function_call() -> None:
    end = Finished(1, "tool_calls", "", "", USAGE, calls=[CallDelta(0, '{"a": 1}', "f", "call_a")])
    old = {"tools": None, "functions": [FUNCTION]}
    (choice,) = json.loads(reply(**old).body([end]))["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a": 1}'}
    assert choice["finish_reason"] == "function_call" and "tool_calls" not in choice["message"]
    said = streamed(reply(**old), PIECES[1:3], END)
    calls = [each["delta"]["function_call"] for each in said if "function_call" in each["delta"]]
    assert calls == [{"name": "f", "arguments": ""}, {"arguments": '{"a":'}, {"arguments": " 1}"}]
    assert said[-1]["finish_reason"] == "function_call"


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_call_that_can_not_be_read_is_marked_in_its_choice(reason: Any) -> None:
    end = Finished(1, reason, '{"name": "h"', "", USAGE, complaint="no tool is called 'h'")
    (choice,) = json.loads(reply().body([end]))["choices"]
    last = streamed(reply(), [], end)[-1]
    assert choice["complaint"] == last["complaint"] == "no tool is called 'h'"
    assert choice["message"]["content"] == '{"name": "h"'
    assert choice["finish_reason"] == last["finish_reason"] == reason


def test_log_probabilities_stand_beside_calls() -> None:
    token = TokenLogprob("{", -0.5, b"{")
    both = Delta(1, "", "", [token], [CallDelta(0, "{", "f", "call_a")])
    said = streamed(reply(logprobs=True), [both], END)
    assert [bool(choice["logprobs"]) for choice in said] == [False, True, False, False, False]
    assert said[1]["logprobs"]["content"][0]["token"] == "{"


def test_calls_of_several_choices_stay_apart() -> None:
    ends = [
        Finished(i, "tool_calls", "", "", USAGE, calls=[CallDelta(0, "{}", name, name)]) for i, name in enumerate("fg")
    ]
    body = json.loads(reply(n=2).body(ends))
    assert [choice["message"]["tool_calls"][0]["id"] for choice in body["choices"]] == ["f", "g"]
