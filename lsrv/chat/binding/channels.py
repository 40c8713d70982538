"""Answers as messages to channels, as rules (gpt-oss, Glimmer). Pure."""

from __future__ import annotations

from lsrv.chat.binding.calls import call_arguments
from lsrv.chat.binding.lark import ANYTHING, Lark, either
from lsrv.chat.format.answer_format import AnswerFormat, Channels
from lsrv.chat.format.opening import AnswerBeginning
from lsrv.protocol.commands import ToolUse


class ChannelAnswer:
    """Any number of thoughts, and of texts before calls, then text, or a document, or calls."""

    def __init__(self, lark: Lark, form: AnswerFormat, channels: Channels, beginning: AnswerBeginning) -> None:
        self._lark = lark
        self._form = form
        self._channels = channels
        self._beginning: AnswerBeginning = beginning
        self._end = either([lark.fixed(end) for end in channels.ends])
        self._message_end = lark.until(channels.ends[0])  # the others end the answer
        self._again = lark.rule(lark.fixed(channels.ends[0], channels.start))

    def start(self, tool_use: ToolUse | None, document: str | None) -> str:
        """The body of the first rule. `document`: the body of what text must be."""
        last = self._calls(tool_use) if tool_use is not None else ""
        is_text = tool_use is None or tool_use.choice == "auto" or document is not None
        texts = self._text(document) if is_text else ""
        start = self._lark.fixed(self._channels.start)
        leading = [*self._channels.thoughts]
        if tool_use is not None and tool_use.choice == "auto" and document is None and self._channels.preamble:
            leading.append(self._channels.preamble)
        messages = [f"{self._header(header)} {self._message_end} {start}" for header in leading]
        thinking = f"({either(messages)})*" if messages else ""
        ended = either([each for each in (last, texts) if each])
        match self._beginning:
            case "thought":
                return f"{self._message_end} {start} {thinking} {ended}"
            case "text":
                return self._body(document)
            case _:
                return f"{thinking} {ended}"

    def _header(self, header: str) -> str:
        return self._lark.fixed(header, self._channels.message)

    def _text(self, document: str | None) -> str:
        return f"{self._header(self._channels.text)} {self._body(document)}"

    def _body(self, document: str | None) -> str:
        return self._lark.rule(f"{document or self._lark.terminal(ANYTHING)} ({self._end})?")

    def _calls(self, tool_use: ToolUse) -> str:
        assert self._form.calls is not None
        before, _, after = self._channels.call.partition("{name}")
        bodies = call_arguments(self._lark, self._form.calls, tool_use)
        calls = [
            f"{self._lark.fixed(before, name, after, self._channels.message)} {body}" for name, body in bodies.items()
        ]
        call = self._lark.rule(" | ".join(calls))
        more = f"({self._again} {call})*" if tool_use.is_parallel and self._form.calls.allows_several else ""
        return self._lark.rule(f"{call} {more} ({self._end})?")
