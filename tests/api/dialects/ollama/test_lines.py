"""Events become Ollama's lines. No model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.ollama.lines import CHAT_FORM, GENERATE_FORM, OllamaForm, OllamaReply
from lsrv.protocol.events import CallDelta, Delta, Finished, FinishReason, Usage

USAGE = Usage(10, 4, 5, 2, 0.5, 0.25, 0.5)
PARIS = [
    CallDelta(0, "", "f", "call_1"),
    CallDelta(0, '{"city": "Pa'),
    CallDelta(0, 'ris"}'),
    CallDelta(1, "{}", "g", "call_2"),
]
CALLS = [
    {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"city": "Paris"}}},
    {"id": "call_2", "function": {"index": 1, "name": "g", "arguments": {}}},
]


def reply(form: OllamaForm = CHAT_FORM, **heading: Any) -> OllamaReply:
    return OllamaReply(form, Heading("m", 1, **heading))


def finished(text: str = "", calls: list[CallDelta] | None = None, reason: FinishReason = "stop") -> Finished:
    return Finished(1, reason, text, "", USAGE, calls=calls or [])


def lines(*parts: bytes) -> list[Any]:
    return [json.loads(line) for line in b"".join(parts).decode().split("\n") if line]


def test_a_line_has_the_text_and_says_that_more_comes() -> None:
    text = 'a\n"\\\u2028é'
    common = {"model": "m", "created_at": "1970-01-01T00:00:01Z", "done": False}
    assert lines(reply().delta(0, Delta(1, text))) == [common | {"message": {"role": "assistant", "content": text}}]
    assert lines(reply(GENERATE_FORM).delta(0, Delta(1, text))) == [common | {"response": text}]


def test_thoughts_stand_apart_from_text() -> None:
    (line,) = lines(reply().delta(0, Delta(1, "", "hm")))
    assert line["message"] == {"role": "assistant", "content": "", "thinking": "hm"}
    (line,) = lines(reply(GENERATE_FORM).delta(0, Delta(1, "a", "hm")))
    assert (line["response"], line["thinking"]) == ("a", "hm")


def test_the_last_line_says_why_and_what_it_took_in_nanoseconds() -> None:
    rest, last = lines(reply(lease_wait_s=2.0).finish(0, finished("rest", reason="length")))
    assert (rest["message"]["content"], rest["done"]) == ("rest", False)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert {key: last[key] for key in last if key not in ("model", "created_at", "message")} == {
        "done": True,
        "done_reason": "length",
        "total_duration": 3_250_000_000,
        "load_duration": 2_000_000_000,
        "prompt_eval_count": 10,
        "prompt_eval_duration": 250_000_000,
        "eval_count": 5,
        "eval_duration": 500_000_000,
    }


@pytest.mark.parametrize("size", [1, 2, 4])
def test_calls_come_whole_however_their_pieces_come(size: int) -> None:
    writer = reply()
    parts = [writer.delta(0, Delta(1, "", calls=PARIS[i : i + size])) for i in range(0, len(PARIS), size)]
    told = lines(*parts, writer.finish(0, finished(reason="tool_calls")))
    calls = [call for line in told for call in line["message"].get("tool_calls", [])]
    assert calls == CALLS
    assert told[-1]["done_reason"] == "stop"
    assert all(line["message"]["content"] == "" for line in told)


def test_a_whole_answer_has_all_calls() -> None:
    body = json.loads(reply().body([finished("Wait.", PARIS, "tool_calls")]))
    assert body["message"] == {"role": "assistant", "content": "Wait.", "tool_calls": CALLS}


def test_arguments_that_were_cut_off_are_told_as_text() -> None:
    body = json.loads(reply().body([finished("", PARIS[:2], "length")]))
    assert body["message"] == {"role": "assistant", "content": '{"city": "Pa'}
    last = lines(reply().finish(0, finished("", PARIS[:2], "length")))
    assert [line["message"]["content"] for line in last] == ['{"city": "Pa', ""]


def test_what_was_asked_in_vain_is_told_at_the_end() -> None:
    assert json.loads(reply(notes=("x",)).body([finished()]))["warnings"] == ["x"]


def test_a_call_that_cannot_be_read_is_complained_of() -> None:
    end = Finished(1, "stop", "<tool_call>{", "", USAGE, complaint="no JSON")
    body = json.loads(reply().body([end]))
    assert (body["message"]["content"], body["complaint"]) == ("<tool_call>{", "no JSON")


def test_a_line_is_one_line_for_whoever_knows_more_line_breaks_than_json_does() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x1cf"
    for line in (reply().delta(0, Delta(1, text)), reply().finish(0, finished(text)), reply().body([finished(text)])):
        told = [json.loads(each) for each in line.decode().splitlines()]
        assert told[0]["message"]["content"] == text
