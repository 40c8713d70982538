"""Events to outputs: one, a list of them, or texts as they come."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lsrv.api.dialects.contract import DONE, Heading
from lsrv.protocol.events import Delta, Finished

_encode = msgspec.json.Encoder().encode


class OutputReply:
    """`{"model", "output", "cached"}`, and how many tokens that were."""

    def __init__(self, heading: Heading) -> None:
        self._heading = heading

    def head(self) -> bytes:
        return b""

    def delta(self, index: int, delta: Delta) -> bytes:
        return b""

    def finish(self, index: int, finished: Finished) -> bytes:
        return b""

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return b""

    def body(self, finished: Sequence[Finished]) -> bytes:
        return _encode({"model": self._heading.model_id, **self._result(finished[0])})

    def _result(self, end: Finished) -> dict[str, object]:
        return {
            "output": end.text,
            "cached": self._heading.is_cached,
            "prompt_tokens": end.usage.n_prompt_tokens,
            "completion_tokens": end.usage.n_completion_tokens,
        }


class BatchReply(OutputReply):
    """`{"model", "results"}`, a result for each prompt, in their order."""

    def body(self, finished: Sequence[Finished]) -> bytes:
        return _encode({"model": self._heading.model_id, "results": [self._result(end) for end in finished]})


class StreamReply(OutputReply):
    """Events that hold nothing but text, then [DONE]. A line break parts `data:` lines, as the standard has it."""

    def delta(self, index: int, delta: Delta) -> bytes:
        return text_event(delta.text)

    def finish(self, index: int, finished: Finished) -> bytes:
        return text_event(finished.text)

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return DONE


def text_event(text: str) -> bytes:
    """One event; nothing for nothing. https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    if not text:
        return b""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return b"".join(b"data: %b\n" % line.encode() for line in lines) + b"\n"
