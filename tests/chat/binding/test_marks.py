"""Which texts of a format a reader must be able to see."""

from __future__ import annotations

from lsrv.chat.binding.marks import marks_of
from lsrv.chat.format.answer_format import AnswerFormat, CallFormat, Hole, JsonArguments, Marks

FORM = AnswerFormat(
    thoughts=Marks("[THINK]", "[/THINK]"),
    calls=CallFormat(parts=["[TOOL_CALLS]", Hole("name"), "[ARGS]", Hole("arguments")], arguments=JsonArguments()),
)


def test_marks_of_calls_belong_to_answers_that_may_hold_calls() -> None:
    assert marks_of(FORM, has_tools=True) == ["[THINK]", "[/THINK]", "[TOOL_CALLS]", "[ARGS]"]
    assert marks_of(FORM, has_tools=False) == ["[THINK]", "[/THINK]"]
