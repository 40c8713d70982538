"""Events become Anthropic's: blocks in order, why an answer ended, what it took. No model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv.api.dialects.anthropic.message_reply import MessageReply
from lsrv.api.dialects.contract import Heading
from lsrv.protocol.events import CallDelta, Delta, Finished, FinishReason, Usage

USAGE = Usage(9, 4, 6, 2, 0.0, 0.0, 0.0)


def finished(reason: FinishReason = "stop", usage: Usage = USAGE, **fields: Any) -> Finished:
    return Finished(0, reason, fields.pop("text", ""), fields.pop("reasoning", ""), usage, **fields)


def reply() -> MessageReply:
    return MessageReply(6, Heading("m", 0, n_prompt_tokens=9))


def streamed(*events: Delta | Finished) -> list[Any]:
    writer = reply()
    written = writer.head()
    for event in events:
        written += writer.delta(0, event) if isinstance(event, Delta) else writer.finish(0, event)
    blocks = (written + writer.tail([])).decode().split("\n\n")
    assert blocks.pop() == ""
    found: list[Any] = []
    for block in blocks:
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def summary(events: list[Any]) -> list[Any]:
    """The blocks of a stream: index, its first form, its deltas."""
    found: list[Any] = []
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            found.append([event["index"], event["content_block"], []])
        elif event["type"] == "content_block_delta":
            assert event["index"] == found[-1][0]
            found[-1][2].append(event["delta"])
        else:
            assert event == {"type": "content_block_stop", "index": found[-1][0]}
    return found


def whole(end: Finished) -> Any:
    return json.loads(reply().body([end]))


def test_thoughts_text_and_calls_are_blocks_one_after_another() -> None:
    call = [CallDelta(0, "", "f", "1"), CallDelta(0, '{"a"'), CallDelta(0, ":1}")]
    other = [CallDelta(1, "", "g", "2")]
    events = streamed(
        Delta(0, "", "hm"), Delta(0, "I", "!"), Delta(0, " go"), Delta(0, "", calls=call), finished(calls=other)
    )
    assert summary(events) == [
        [
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                {"type": "thinking_delta", "thinking": "hm"},
                {"type": "thinking_delta", "thinking": "!"},
                {"type": "signature_delta", "signature": "lsrv"},
            ],
        ],
        [1, {"type": "text", "text": ""}, [{"type": "text_delta", "text": "I"}, {"type": "text_delta", "text": " go"}]],
        [
            2,
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
            [
                {"type": "input_json_delta", "partial_json": '{"a"'},
                {"type": "input_json_delta", "partial_json": ":1}"},
            ],
        ],
        [3, {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}, []],
    ]


def test_a_stream_begins_with_the_prompt_and_ends_with_what_it_took() -> None:
    events = streamed(Delta(0, "a"), finished(stop_string="x"))
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start = events[0]["message"]
    assert start["id"].startswith("msg_")
    assert (start["content"], start["stop_reason"], start["usage"]["input_tokens"]) == ([], None, 9)
    assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "x"}
    assert events[-2]["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": 6,
        "output_tokens_details": {"thinking_tokens": 2},
    }


def test_a_prompt_that_was_cached_whole_has_one_token_that_was_computed() -> None:
    usage = whole(finished(usage=Usage(9, 9, 6, 0, 0.0, 0.0, 0.0)))["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (1, 8)


def test_a_whole_answer_has_the_same_blocks() -> None:
    calls = [CallDelta(0, "", "f", "1"), CallDelta(0, '{"a":1}')]
    answer = whole(finished("tool_calls", text="I", reasoning="hm", calls=calls))
    assert answer["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "lsrv"},
        {"type": "text", "text": "I"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    ]
    assert (answer["role"], answer["type"], answer["stop_reason"]) == ("assistant", "message", "tool_use")


def test_arguments_that_were_cut_off_are_text_and_no_call() -> None:
    answer = whole(finished("length", calls=[CallDelta(0, '{"a', "f", "1")]))
    assert answer["content"] == [{"type": "text", "text": '{"a'}]


def test_an_answer_of_nothing_is_an_empty_text() -> None:
    assert whole(finished())["content"] == [{"type": "text", "text": ""}]
    assert summary(streamed(finished())) == [[0, {"type": "text", "text": ""}, []]]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (finished(), "end_turn"),
        (finished(stop_string="x"), "stop_sequence"),
        (finished("length"), "max_tokens"),
        (finished("length", Usage(9, 0, 5, 0, 0.0, 0.0, 0.0)), "model_context_window_exceeded"),
        (finished("tool_calls"), "tool_use"),
    ],
)
def test_the_end_has_its_reason(end: Finished, reason: str) -> None:
    assert whole(end)["stop_reason"] == reason


def test_signs_that_some_readers_take_for_line_breaks_are_escaped() -> None:
    writer = reply()
    written = writer.delta(0, Delta(0, "a\u2028b\u0085c"))
    assert len(written.decode().splitlines()) == len(written.split(b"\n")) - 1
    assert "\u2028" in json.loads(written.split(b"data: ")[-1])["delta"]["text"]


def test_what_was_asked_in_vain_and_what_can_not_be_read_are_told() -> None:
    writer = MessageReply(6, Heading("m", 0, notes=("a: no",)))
    answer = json.loads(writer.body([finished(complaint="odd")]))
    assert (answer["warnings"], answer["complaint"]) == (["a: no"], "odd")
