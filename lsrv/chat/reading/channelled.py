"""Answers that are messages to channels, each under a header: thoughts, text and calls."""

from __future__ import annotations

import re

from lsrv.chat.format.answer_format import Channels
from lsrv.chat.format.opening import Opening, is_thought
from lsrv.chat.reading.call import CallReader
from lsrv.chat.reading.marked import give_back
from lsrv.chat.reading.marks import mark_set, say_until
from lsrv.chat.reading.said import Flow, Saying
from lsrv.chat.reading.tape import Steps, Tape, UnreadableError, char, choose, skip_space, squeezed
from lsrv.echo import echo

_N_HEADER = 500  # characters; what goes on longer is none
_N_ALIKE = 3  # with which a header begins like one
_NAME = re.compile(r"[^\s<]+")


class ChannelReader:
    """Reads one answer."""

    def __init__(self, channels: Channels, calls: CallReader | None, tape: Tape, saying: Saying) -> None:
        """`calls`: None where none may be made; what looks like one is text."""
        self._channels = channels
        self._calls = calls
        self._tape = tape
        self._saying = saying
        self._ends = mark_set(*channels.ends, channels.start)
        self._header_ends = mark_set(channels.message, *self._ends.marks)
        known = [*channels.thoughts, channels.text, channels.callee, channels.call, channels.message]
        self._beginnings = {squeezed(each)[:_N_ALIKE] for each in known} - {""}

    def read(self, opening: Opening) -> Steps[None]:
        """Read an answer that begins like this."""
        header, is_begun = opening.begun, opening.beginning != "start"
        while True:
            if is_begun:
                yield from self._message_under(header)
            else:
                yield from self._header_and_message(header)
            if not (yield from self._next()):
                return
            header, is_begun = "", False

    def _next(self) -> Steps[bool]:
        """Read what stands between two messages; whether there is one more."""
        tape = self._tape
        while (yield from choose(tape, [squeezed(mark) for mark in self._ends.marks])) >= 0:
            pass
        return bool((yield from char(tape)))

    def _header_and_message(self, begun: str) -> Steps[None]:
        """What has no header is text. A header under which nothing came is nothing."""
        tape, text = self._tape, ""
        while True:
            found = self._header_ends.find(tape)
            end = found[0] if found is not None else self._header_ends.n_sure(tape)
            text += tape.text[tape.at : end]
            tape.at = end
            is_none = found is not None and tape.text[found[0] : found[1]] != self._channels.message
            if is_none or len(text) > _N_HEADER or not self._is_header_like(begun + text):
                yield from self._say(self._saying.content, text)
                return
            if found is not None:
                tape.at = found[1]
                yield from self._message_under(begun + text)
                return
            if tape.is_over:
                return
            yield

    def _is_header_like(self, text: str) -> bool:
        beginning = squeezed(text)[:_N_ALIKE]
        return any(each.startswith(beginning) for each in self._beginnings)

    def _message_under(self, header: str) -> Steps[None]:
        channels, saying = self._channels, self._saying
        name = self._called(header)
        calls = None if saying.is_broken else self._calls
        if name and calls is not None and calls.has_tool(name):
            yield from self._call(calls, name)
        elif is_thought(channels, header):
            saying.is_reasoning = True
            yield from self._say(saying.reasoning)
            saying.is_reasoning = self._tape.is_over
        else:
            if name and calls is not None and channels.text.strip() not in header:
                saying.complain(f"the answer calls {echo(name, 80)!r}, and no such tool may be called")
            yield from self._say(saying.content)

    def _called(self, header: str) -> str:
        """The name of the tool that a message under `header` calls, or what stands in its place."""
        _, found, behind = header.partition(self._channels.callee.strip())
        name = _NAME.match(behind) if found else None
        return name.group() if name is not None else ""

    def _call(self, calls: CallReader, name: str) -> Steps[None]:
        try:
            yield from calls.read_one(self._tape, self._saying, name)
        except UnreadableError as error:
            give_back(self._tape, self._saying, error)
        if (yield from skip_space(self._tape)):
            yield from self._say(self._saying.content)

    def _say(self, flow: Flow, text: str = "") -> Steps[None]:
        """The text of a message, of which `text` was read already, up to its end, which stays."""
        flow.begin_part()
        if text:
            flow.say(text)
        if (yield from say_until(self._tape, self._ends, flow.say)):
            flow.meet_mark()
