"""What an answer says, as blocks: thoughts, text and calls. Pure.

In a stream one block is open at a time. A piece of text is constant but for the text.
"""

from __future__ import annotations

from lsrv.api.dialects.anthropic.history import CALL_PREFIX
from lsrv.api.dialects.fields.arguments import arguments_object
from lsrv.api.dialects.fields.one_line import written
from lsrv.api.http.framing import named_sse
from lsrv.protocol.calls import joined_calls
from lsrv.protocol.events import CallDelta, Delta, Finished

SIGNATURE = "lsrv"  # nothing is proved by it; clients send thoughts back with one

_Fields = dict[str, object]

_TEXT, _THINKING, _CALL = "text", "thinking", "tool_use"
_NEW: dict[str, _Fields] = {
    _TEXT: {"type": _TEXT, "text": ""},
    _THINKING: {"type": _THINKING, "thinking": "", "signature": ""},
}
_DELTA_OF = {
    _TEXT: b'{"type":"text_delta","text":',
    _THINKING: b'{"type":"thinking_delta","thinking":',
    _CALL: b'{"type":"input_json_delta","partial_json":',
}
_SIGNED = b'{"type":"signature_delta","signature":%b}}\n\n' % written(SIGNATURE)


class BlockWriter:
    """The blocks of one stream."""

    def __init__(self) -> None:
        self._index = -1
        self._kind = ""  # of the block that is open
        self._before = b""  # a piece of it
        self._delta = b""

    def said(self, said: Delta | Finished) -> bytes:
        """Events for thoughts, text and calls, in this order, which is that of models."""
        if self._kind == _TEXT and not said.reasoning and not said.calls:
            return self._piece(said.text)
        parts = [self._more(_THINKING, said.reasoning), self._more(_TEXT, said.text)]
        return b"".join([*parts, *(self._call(piece) for piece in said.calls)])

    def end(self) -> bytes:
        """Close what is open. An answer that says nothing has a text, which clients look for."""
        return (b"" if self._kind else self._open(_TEXT, _NEW[_TEXT])) + self._close()

    def _more(self, kind: str, text: str) -> bytes:
        if not text:
            return b""
        opening = b"" if self._kind == kind else self._open(kind, _NEW[kind])
        return opening + self._piece(text)

    def _call(self, piece: CallDelta) -> bytes:
        opening = self._open(_CALL, _call_block(piece, {})) if piece.name else b""
        return opening + self._piece(piece.arguments)

    def _piece(self, text: str) -> bytes:
        return self._before + written(text) + b"}}\n\n" if text else b""

    def _open(self, kind: str, block: _Fields) -> bytes:
        closing = self._close()
        self._index += 1
        self._kind = kind
        self._delta = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % self._index
        )
        self._before = self._delta + _DELTA_OF[kind]
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return closing + named_sse(b"content_block_start", written(start))

    def _close(self) -> bytes:
        if not self._kind:
            return b""
        signed = self._delta + _SIGNED if self._kind == _THINKING else b""
        return signed + named_sse(b"content_block_stop", b'{"type":"content_block_stop","index":%d}' % self._index)


def whole_blocks(end: Finished) -> list[_Fields]:
    """All of an answer. Arguments that are no object, for the answer was cut off within them, are text."""
    calls: list[_Fields] = []
    text = end.text
    for call in joined_calls(end.calls):
        arguments = arguments_object(call.arguments)
        if arguments is None:
            text += call.arguments
        else:
            calls.append(_call_block(call, arguments))
    thought: _Fields = {"type": _THINKING, "thinking": end.reasoning, "signature": SIGNATURE}
    thoughts = [thought] if end.reasoning else []
    texts: list[_Fields] = [{"type": _TEXT, "text": text}] if text or not (thoughts or calls) else []
    return [*thoughts, *texts, *calls]


def _call_block(call: CallDelta, arguments: _Fields) -> _Fields:
    return {"type": _CALL, "id": CALL_PREFIX + call.id, "name": call.name, "input": arguments}
