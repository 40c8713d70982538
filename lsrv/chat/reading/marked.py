"""Answers whose parts stand between marks: a thought at the beginning, then text and calls."""

from __future__ import annotations

from lsrv.chat.format.answer_format import AnswerFormat, Marks
from lsrv.chat.format.opening import Opening, ends_in_word
from lsrv.chat.reading.call import CallReader
from lsrv.chat.reading.marks import mark_set, say_until
from lsrv.chat.reading.said import Saying
from lsrv.chat.reading.tape import CutOffError, Steps, Tape, UnreadableError, char, look, squeezed


class MarkedReader:
    """Reads one answer."""

    def __init__(self, form: AnswerFormat, calls: CallReader | None, tape: Tape, saying: Saying) -> None:
        """`calls`: None where none may be made, and their marks are text."""
        self._thoughts = form.thoughts
        self._text = form.text or Marks("", "")
        self._calls = calls
        self._tape = tape
        self._saying = saying
        trigger = calls.trigger if calls is not None else ""
        # A call without a mark: only a whole answer can be one.
        self._is_bare = trigger == "[" or squeezed(trigger).startswith(("{", "[{"))
        self._trigger = "" if self._is_bare else trigger
        self._marks = mark_set(self._trigger, self._text.opens, self._text.closes, form.end)

    def read(self, opening: Opening) -> Steps[None]:
        """Read an answer that begins like this."""
        if opening.beginning == "thought":
            yield from self._thought()
        elif self._thoughts is not None and self._thoughts.opens and opening.beginning != "text":
            yield from self._first_thought(self._thoughts.opens)
        if opening.begun:
            yield from self._go_on_in_mark(opening.begun)
        if self._is_bare:
            yield from self._bare_calls()
        yield from self._parts()

    def _first_thought(self, opens: str) -> Steps[None]:
        """A thought, if the answer begins with one; if it doesn't, nothing is read."""
        which, n = yield from look(self._tape, [squeezed(opens)])
        if which == 0:
            self._tape.at += n
            yield from self._thought()

    def _thought(self) -> Steps[None]:
        assert self._thoughts is not None
        saying, closes = self._saying, self._thoughts.closes
        saying.is_reasoning = True
        saying.reasoning.meet_mark()
        if (yield from say_until(self._tape, mark_set(closes), saying.reasoning.say)):
            self._tape.at += len(closes)
            saying.is_reasoning = False
            saying.reasoning.meet_mark()
            saying.content.begin_part()

    def _go_on_in_mark(self, begun: str) -> Steps[None]:
        """The mark of text that the prompt ends in may be that of a call as well (`>>>` before `>>>all`)."""
        opens = self._text.opens
        which, n = yield from look(self._tape, [squeezed(opens.removeprefix(begun))])
        if which == 0 and not (ends_in_word(opens) and (yield from char(self._tape, n)).strip()):
            self._tape.at += n
            self._saying.content.meet_mark()
        elif self._trigger and begun.endswith(self._trigger):
            self._tape.text = self._trigger + self._tape.text[self._tape.at :]
            self._tape.at = 0

    def _bare_calls(self) -> Steps[None]:
        which, _ = yield from look(self._tape, ["{", "["])
        if which >= 0:
            yield from self._read_calls()

    def _parts(self) -> Steps[None]:
        """Text and calls to the end."""
        tape, content = self._tape, self._saying.content
        while not self._is_plain():
            mark = yield from say_until(tape, self._marks, content.say)
            if not mark:
                content.end()
                return
            if mark == self._trigger:
                yield from self._read_calls(mark)
            else:
                tape.at += len(mark)
                content.meet_mark()
        yield from say_rest(tape, self._saying)

    def _is_plain(self) -> bool:
        return not self._marks.marks or self._saying.is_broken

    def _read_calls(self, begun: str = "") -> Steps[None]:
        """Calls, if they are some. What no mark has begun is text where it is none, and nothing to complain of."""
        assert self._calls is not None
        saying = self._saying
        try:
            yield from self._calls.read_all(self._tape, saying, begun)
        except UnreadableError as error:
            give_back(self._tape, saying, error, is_sure=bool(begun))
        else:
            saying.content.begin_part()


def give_back(tape: Tape, saying: Saying, error: UnreadableError, *, is_sure: bool = True) -> None:
    """What could not be read as a call is text; but what was told of a call that was cut off stays told."""
    text = tape.kept()
    has_announced = saying.drop_call()
    if is_sure or has_announced:
        saying.complain(str(error))
    if has_announced and isinstance(error, CutOffError):
        saying.cut_off = text
        return
    saying.is_broken = has_announced
    saying.content.say_exactly(text)


def say_rest(tape: Tape, saying: Saying) -> Steps[None]:
    """All that comes is content, and nobody needs to look at it."""
    while True:
        saying.content.say(tape.text[tape.at :])
        saying.content.end()
        saying.is_free = not saying.content.is_stripping
        tape.at = len(tape.text)
        if tape.is_over:
            return
        yield
