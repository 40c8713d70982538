"""What an answer was found to say: its parts, and what of them was not handed on yet."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from lsrv.protocol.events import CallDelta


class Said(NamedTuple):
    """What a piece of text settled; any of it may be empty."""

    content: str = ""
    reasoning: str = ""
    calls: Sequence[CallDelta] = ()


NOTHING = Said()


def joined(said: Sequence[Said]) -> Said:
    """All that was said, in one."""
    calls = [call for each in said for call in each.calls]
    return Said("".join(each.content for each in said), "".join(each.reasoning for each in said), gathered_calls(calls))


def gathered_calls(calls: Sequence[CallDelta]) -> list[CallDelta]:
    """The same calls, with the pieces of each one's arguments in one."""
    runs = groupby(calls, lambda call: (call.index, call.name))
    return [
        next(run) if name else CallDelta(index, "".join(call.arguments for call in run)) for (index, name), run in runs
    ]


class Flow:
    """One channel of an answer: white space around marks belongs to nobody, and two parts are two paragraphs."""

    __slots__ = ("_has_text", "_is_apart", "_ready", "_space", "is_stripping")

    def __init__(self) -> None:
        self._ready: list[str] = []
        self._space: list[str] = []  # at the end of what was said: a mark may follow
        self.is_stripping = False
        self._is_apart = False
        self._has_text = False

    def say(self, text: str) -> None:
        if self.is_stripping:
            text = text.lstrip()
            if not text:
                return
            self.is_stripping = False
        body = text.rstrip()
        if body:
            self.say_exactly(body)
        if len(body) < len(text):
            self._space.append(text[len(body) :])

    def say_exactly(self, text: str) -> None:
        """Say text that no mark can follow at once."""
        if self._is_apart:
            self._ready.append("\n\n")
            self._is_apart = False
        self._ready += self._space
        self._space.clear()
        self._ready.append(text)
        self._has_text = True
        self.is_stripping = False

    def meet_mark(self) -> None:
        """A mark stands here."""
        self._space.clear()
        self.is_stripping = True

    def begin_part(self) -> None:
        """What comes is another message than what was said before."""
        self.meet_mark()
        self._is_apart = self._has_text

    def end(self) -> None:
        """No mark follows any more."""
        self._ready += self._space
        self._space.clear()

    def take(self) -> str:
        if not self._ready:
            return ""
        text = "".join(self._ready)
        self._ready.clear()
        return text


class Saying:
    """What was found until now. `n_calls`: whole ones. `is_broken`: the one begun after them can't be read.

    `is_free`: all that comes is content, and nobody needs to look at it. `cut_off`: the text of a call, of which
    arguments were told, that ends in the middle.
    """

    def __init__(self) -> None:
        self.content = Flow()
        self.reasoning = Flow()
        self.is_reasoning = False
        self.is_free = False
        self.n_calls = 0
        self.complaint = ""
        self.is_broken = False
        self.cut_off = ""
        self._calls: list[CallDelta] = []
        self._arguments: list[str] = []  # of the call that is being written, and not handed on
        self._begun: CallDelta | None = None  # the call that is being written, until it has an argument
        self._has_announced = False

    def begin_call(self, name: str, call_id: str) -> None:
        """A call begins; it is told once it has arguments that can be read."""
        self._begun = CallDelta(self.n_calls, "", name, call_id or "call_" + secrets.token_hex(12))
        self._has_announced = False

    def say_arguments(self, piece: str) -> None:
        if self._begun is not None:
            self._calls.append(self._begun)
            self._begun = None
            self._has_announced = True
        self._arguments.append(piece)

    def end_call(self) -> None:
        self._gather()
        self.n_calls += 1
        self._has_announced = False

    def drop_call(self) -> bool:
        """The call that was begun can't be read; whether something of it has been told."""
        has_announced, self._has_announced = self._has_announced, False
        self._begun = None
        return has_announced

    def complain(self, why: str) -> None:
        """The first complaint is the one that counts."""
        self.complaint = self.complaint or why

    def take(self) -> Said:
        """What has come since the last time."""
        self._gather()
        calls, self._calls = self._calls, []
        return Said(self.content.take(), self.reasoning.take(), calls)

    def _gather(self) -> None:
        if self._arguments:
            self._calls.append(CallDelta(self.n_calls, "".join(self._arguments)))
            self._arguments.clear()
