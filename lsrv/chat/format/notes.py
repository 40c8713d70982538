"""What people should know of how a model writes. Pure."""

from __future__ import annotations

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.call import ToolCall
from lsrv.chat.format.write import write_calls

_EXAMPLE = [
    ToolCall("get_weather", {"city": "Rome", "days": 3}, "abcdef017"),
    ToolCall("get_weather", {"city": "Oslo", "days": 1}, "abcdef028"),
]


def notes_of(form: AnswerFormat) -> list[str]:
    """Sentences that an operator can do something about, or would wonder at."""
    calls = form.calls
    told = [
        (form.shows_tools, "the template names no tools: a system message describes them"),
        (form.shows_calls, "the template drops calls of earlier turns: they are put into the text of messages"),
        (form.shows_thoughts, "the template says nothing of thoughts: what stands in <think> at the beginning is one"),
        (calls is None or calls.allows_several, "an answer holds one call at most"),
        (calls is None or not calls.is_before_text, "the template puts the text of an answer behind its calls"),
    ]
    return [*form.notes, *(sentence for is_usual, sentence in told if not is_usual)]


def example_of(form: AnswerFormat) -> str:
    """Calls as the model writes them: two, where an answer may hold so many."""
    if form.calls is None:
        return ""
    return write_calls(form, _EXAMPLE if form.calls.allows_several else _EXAMPLE[:1])
