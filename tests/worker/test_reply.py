"""What a reply counts while it collects an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from lsrv.chat.format.answer_format import PLAIN, AnswerFormat, CallFormat, Hole, JsonArguments
from lsrv.chat.reading.answer import AnswerReader
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.sequence import Output
from lsrv.engine.sequence import Sequence as EngineSequence
from lsrv.protocol.commands import ToolUse
from lsrv.protocol.events import Delta, Finished, FinishReason
from lsrv.worker.chat_text import ChatText
from lsrv.worker.reply import AnswerWriter

TOOL: dict[str, object] = {"type": "function", "function": {"name": "look_up", "parameters": {}}}
FORM = AnswerFormat(
    calls=CallFormat(
        parts=['<tool_call>{"name": "', Hole("name"), '", "arguments": ', Hole("arguments"), "}</tool_call>"],
        arguments=JsonArguments(),
    )
)
CALL = '<tool_call>{"name": "look_up", "arguments": {"word": "END"}}</tool_call>'


def answer(
    steps: Sequence[tuple[int, str]],
    *,
    form: AnswerFormat = FORM,
    prompt: str = "",
    stops: Sequence[str] = (),
    finish_reason: FinishReason = "stop",
    is_streaming: bool = False,
) -> tuple[list[Delta], Finished]:
    """What is told of an answer that comes in `steps` of so many tokens and a text."""
    chat = ChatText(AnswerReader(form, prompt, ToolUse(tools=[TOOL], names=["look_up"])), list(stops))
    sequence = EngineSequence(1, np.array([1], np.int32), None, TextAssembler(chat), n_max_tokens=99, submitted_at=0.0)
    reply = AnswerWriter(is_streaming=is_streaming, chat=chat, echo="")
    told: list[Delta | None] = []
    for n_tokens, text in steps:
        sequence.generated += [5] * n_tokens
        sequence.n_written += n_tokens
        told.append(reply.push(Output(sequence, sequence.text.push(text.encode())), is_due=True))
        if sequence.text.stop_string is not None:
            break
    sequence.finish_reason = finish_reason
    return [delta for delta in told if delta is not None], reply.finish(sequence, None)


def test_every_token_of_a_thought_counts_also_where_one_step_wrote_several() -> None:
    steps = [(1, "I"), (3, " think of it"), (1, "</think>"), (2, " Yes.")]
    _, finished = answer(steps, form=PLAIN, prompt="a question <think>")
    assert (finished.text, finished.reasoning) == ("Yes.", "I think of it")
    assert finished.usage.n_reasoning_tokens == 4


def test_an_answer_that_ends_with_calls_says_so() -> None:
    _, finished = answer([(9, CALL)])
    first, rest = finished.calls
    assert (finished.finish_reason, finished.text, finished.complaint) == ("tool_calls", "", "")
    assert (first.name, rest.arguments) == ("look_up", '{"word": "END"}')


def test_a_stream_tells_a_call_while_it_is_written() -> None:
    deltas, finished = answer([(1, piece) for piece in CALL], is_streaming=True)
    calls = [call for delta in deltas for call in delta.calls]
    assert [call.name for call in calls] == ["look_up"] + [""] * (len(calls) - 1)
    assert "".join(call.arguments for call in calls) == '{"word": "END"}'
    assert len(calls) > 10
    assert (finished.finish_reason, finished.calls) == ("tool_calls", [])


def test_a_call_that_the_limit_of_tokens_cuts_off_stays_a_call() -> None:
    _, finished = answer([(9, CALL[:50])], finish_reason="length")
    assert (finished.finish_reason, finished.text) == ("length", "")
    assert [call.name for call in finished.calls] == ["look_up", ""]
    assert finished.complaint


def test_a_call_that_its_model_does_not_finish_is_none() -> None:
    _, finished = answer([(9, CALL[:50])])
    assert (finished.finish_reason, finished.calls) == ("stop", [])
    assert finished.complaint


def test_a_broken_call_is_the_text_that_it_is() -> None:
    text = CALL.replace('"END"', "END")
    _, finished = answer([(9, text)])
    assert (finished.finish_reason, finished.text, finished.calls) == ("stop", text, [])
    assert "no valid JSON" in finished.complaint


def test_a_stop_string_is_looked_for_in_content_alone() -> None:
    steps = [(1, "<think>the END</think>So. "), (1, CALL), (1, "Then the E"), (1, "ND of it")]
    _, finished = answer(steps, form=replace(FORM, thoughts=PLAIN.thoughts), stops=["END"])
    assert (finished.reasoning, finished.text, finished.stop_string) == ("the END", "So.\n\nThen the ", "END")
    assert "".join(call.arguments for call in finished.calls) == '{"word": "END"}'


@pytest.mark.parametrize("is_streaming", [False, True])
def test_a_call_that_the_model_leaves_unfinished_is_content_and_no_call(is_streaming: bool) -> None:
    begun = CALL[: CALL.index("END") + 2]
    told, finished = answer([(1, begun[:-1]), (1, begun[-1:])], is_streaming=is_streaming)
    assert (finished.text, finished.calls, finished.finish_reason) == (begun, [], "stop")
    assert "ends in the middle of a call" in finished.complaint
    assert all(not delta.text for delta in told)


def test_a_call_that_is_cut_off_stays_one() -> None:
    _, finished = answer([(1, CALL[: CALL.index("END") + 2])], finish_reason="length")
    assert (finished.text, "".join(call.arguments for call in finished.calls)) == ("", '{"word": "EN')
