"""An answer read while it comes: its text in pieces in, content, thoughts and calls out."""

from __future__ import annotations

from typing import cast

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.opening import opening_of
from lsrv.chat.reading.call import CallReader
from lsrv.chat.reading.channelled import ChannelReader
from lsrv.chat.reading.marked import MarkedReader
from lsrv.chat.reading.said import NOTHING, Said, Saying
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tape import Steps, Tape
from lsrv.protocol.commands import ToolUse


class AnswerReader:
    """Reads one answer of a model, whatever the pieces that it comes in.

    What may be the beginning of a mark is held back until it is decided. A call that can't be read is content, and
    `complaint` says why.
    """

    __slots__ = ("_reading", "_saying", "_tape")

    def __init__(self, form: AnswerFormat, prompt: str, tool_use: ToolUse | None = None, n_prefill: int = 0) -> None:
        """`tool_use`: None where no calls may be made, and their marks are text.

        `n_prefill`: characters at the end of `prompt` that are the answer's own beginning, at least; it goes on there.
        """
        self._tape = Tape()
        self._saying = Saying()
        calls = CallReader(form.calls, _schemas(tool_use)) if form.calls is not None and tool_use is not None else None
        opening = opening_of(form, prompt, n_prefill)
        self._reading: Steps[None]
        if form.channels is not None:
            self._reading = ChannelReader(form.channels, calls, self._tape, self._saying).read(opening)
        else:
            self._reading = MarkedReader(form, calls, self._tape, self._saying).read(opening)
        next(self._reading)

    @property
    def is_reasoning(self) -> bool:
        """Whether what comes next is a thought, as far as can be told."""
        return self._saying.is_reasoning

    @property
    def n_calls(self) -> int:
        """Calls whose arguments have come to their end."""
        return self._saying.n_calls

    @property
    def is_broken(self) -> bool:
        """Whether a call of which arguments were told turned out to be none: it is content as a whole."""
        return self._saying.is_broken

    @property
    def cut_off(self) -> str:
        """The text of a call, of which arguments were told, in the middle of which the answer ended."""
        return self._saying.cut_off

    @property
    def complaint(self) -> str:
        """Why something that looks like a call is none; "" where nothing does."""
        return self._saying.complaint

    def push(self, text: str) -> Said:
        """What `text` settles."""
        if self._saying.is_free:
            return Said(text)
        if not text:
            return NOTHING
        self._tape.add(text)
        next(self._reading, None)
        return self._saying.take()

    def flush(self) -> Said:
        """What was held back, at the end of the answer."""
        self._tape.is_over = True
        for _ in self._reading:
            pass
        self._saying.content.end()
        self._saying.reasoning.end()
        return self._saying.take()


def _schemas(tool_use: ToolUse) -> dict[str, Parameter]:
    """What the parameters of each tool are that may be called, by its name."""
    functions = [cast("dict[str, object]", tool["function"]) for tool in tool_use.tools]
    schemas = {str(function["name"]): Parameter(function.get("parameters")) for function in functions}
    return {name: schemas[name] for name in tool_use.names if name in schemas}
