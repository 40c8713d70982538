"""Events become a response's items, whole and as named events in their order."""

from __future__ import annotations

import json
from typing import Any

from openai.types.responses import Response
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import TypeAdapter

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.responses.call import ResponsesCall
from lsrv.errors import CrashedError
from lsrv.protocol.events import CallDelta, Delta, Finished, Usage
from tests.api.dialects.responses.calls import asked

USAGE = Usage(10, 4, 5, 2, 0.5, 0.25, 0.5)
TOOLS = [{"type": "function", "name": "f"}, {"type": "custom", "name": "patch"}]
PIECES = [
    Delta(1, "", "h"),
    Delta(1, "Let me", "m"),
    Delta(1, " see.", "", None, [CallDelta(0, "", "f", "call_a")]),
    Delta(1, "", "", None, [CallDelta(0, '{"a":'), CallDelta(0, " 1}")]),
    Delta(1, "", "", None, [CallDelta(1, '{"input": "x', "patch", "call_b")]),
]
END = Finished(1, "tool_calls", "", "", USAGE, calls=[CallDelta(1, ' y"}')])
_KNOWN: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def call_of(**body: Any) -> tuple[ResponsesCall, Any]:
    raw = json.dumps({"input": "a", "stream": True, "tools": TOOLS} | body).encode()
    call = asked(raw)
    return call, call.dialect.parse(raw).make_reply(Heading("m", 1))


def events_in(data: bytes) -> list[Any]:
    """All events, which are what OpenAI's client knows, each called as it says itself."""
    found: list[Any] = []
    for event in data.decode().removesuffix("\n\n").split("\n\n"):
        name, payload = event.split("\n")
        found.append(json.loads(payload.removeprefix("data: ")))
        assert found[-1]["type"] == name.removeprefix("event: ")
        assert _KNOWN.validate_python(found[-1], strict=False).type == found[-1]["type"]
    return found


def streamed(pieces: list[Delta], end: Finished, **body: Any) -> list[Any]:
    _, reply = call_of(**body)
    parts = [reply.head(), *(reply.delta(0, piece) for piece in pieces), reply.finish(0, end), reply.tail([end])]
    return events_in(b"".join(parts))


def test_each_item_is_opened_written_and_closed_before_the_next() -> None:
    events = streamed(PIECES, END)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"].removeprefix("response.") for event in events] == [
        *("created", "in_progress"),
        *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done"),
        *("output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"),
        "completed",
    ]
    assert [event["output_index"] for event in events if "output_index" in event] == sorted(
        event["output_index"] for event in events if "output_index" in event
    )


def test_the_last_event_has_the_items_that_were_streamed_and_the_usage() -> None:
    events = streamed(PIECES, END)
    response = events[-1]["response"]
    assert response["output"] == [event["item"] for event in events if event["type"].endswith("item.done")]
    thoughts, text, call, custom = response["output"]
    assert thoughts["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert text["content"][0]["text"] == "Let me see."
    assert (call["call_id"], call["name"], call["arguments"]) == ("call_a", "f", '{"a": 1}')
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "x y")
    assert response["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }


def test_a_whole_answer_has_the_items_of_a_stream() -> None:
    _, reply = call_of(stream=False)
    end = Finished(1, "tool_calls", "a", "b", USAGE, calls=[CallDelta(0, "{}", "f", "call_a")])
    body = json.loads(reply.body([end]))
    assert Response.model_validate(body).output_text == "a"
    assert [item["type"] for item in body["output"]] == ["reasoning", "message", "function_call"]


def test_an_answer_that_is_cut_off_is_incomplete_with_its_last_item() -> None:
    events = streamed([Delta(1, "a")], Finished(1, "length", "b", "", USAGE))
    response = events[-1]["response"]
    assert (events[-1]["type"], response["incomplete_details"]) == (
        "response.incomplete",
        {"reason": "max_output_tokens"},
    )
    assert response["output"][0]["status"] == "incomplete"


def test_an_answer_that_says_nothing_has_an_empty_text() -> None:
    events = streamed([], Finished(1, "stop", "", "", USAGE))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_who_asks_for_a_summary_gets_the_thoughts_as_one() -> None:
    events = streamed([Delta(1, "", "hm")], Finished(1, "stop", "a", "", USAGE), reasoning={"summary": "auto"})
    names = [event["type"].removeprefix("response.") for event in events[3:7]]
    assert names == [
        *("reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done"),
    ]
    thoughts = events[-1]["response"]["output"][0]
    assert (thoughts["summary"], thoughts["content"]) == ([{"type": "summary_text", "text": "hm"}], [])


def test_sealed_thoughts_are_read_again() -> None:
    events = streamed(
        [Delta(1, "", "hm é")], Finished(1, "stop", "a", "", USAGE), include=["reasoning.encrypted_content"]
    )
    item = events[-1]["response"]["output"][0] | {"content": [], "summary": []}
    raw = json.dumps({"input": [item, {"type": "message", "role": "assistant", "content": "a"}]}).encode()
    call = asked(raw)
    messages = call.dialect.parse(raw).commands[0].messages
    assert messages == [{"role": "assistant", "content": "a", "reasoning_content": "hm é"}]


def test_a_stream_that_breaks_off_says_so_in_the_words_of_all_clients() -> None:
    call, reply = call_of()
    events = events_in(reply.head() + reply.delta(0, Delta(1, "a")) + call.dialect.error_event(CrashedError("Gone.")))
    failed, error = events[-2:]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"] == {"code": "server_error", "message": "Gone."}
    assert [item["status"] for item in failed["response"]["output"]] == ["incomplete"]
    assert (error["message"], error["code"], error["error"]["code"]) == ("Gone.", "worker_crashed", "worker_crashed")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
