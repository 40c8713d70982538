"""Calls of tools in an answer: `tool_calls`, and `function_call` for who offered `functions`. Pure.

In a stream the first delta of a call has its index, id, type, name and empty arguments, later ones have index and
arguments alone: OpenAI's clients put names and ids together from all deltas that have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from lsrv.protocol.calls import joined_calls
from lsrv.protocol.events import CallDelta

_encode = msgspec.json.Encoder().encode


class CallWriter(Protocol):
    """Writes calls in one of the two ways."""

    def deltas(self, pieces: Sequence[CallDelta]) -> Iterator[bytes]:
        """The `delta` of each chunk that `pieces` need."""
        ...

    def whole(self, pieces: Sequence[CallDelta]) -> dict[str, object]:
        """What a message has of all its calls."""
        ...

    def finish_reason(self, reason: str) -> str:
        """`reason` in words that the client knows."""
        ...


class ToolCallWriter:
    """`tool_calls`, as OpenAI writes them."""

    def deltas(self, pieces: Sequence[CallDelta]) -> Iterator[bytes]:
        for piece in pieces:
            if piece.name:
                yield b'{"content":null,"tool_calls":[%b]}' % _encode({"index": piece.index} | _object(piece, ""))
            if piece.arguments:
                yield b'{"content":null,"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (
                    piece.index,
                    _encode(piece.arguments),
                )

    def whole(self, pieces: Sequence[CallDelta]) -> dict[str, object]:
        return {"tool_calls": [_object(call, call.arguments) for call in joined_calls(pieces)]}

    def finish_reason(self, reason: str) -> str:
        return reason


class OldCallWriter:
    """`function_call`: the first call of an answer, without an id. Who offers `functions` gets no second one."""

    def deltas(self, pieces: Sequence[CallDelta]) -> Iterator[bytes]:
        for piece in (each for each in pieces if each.index == 0):
            if piece.name:
                yield b'{"content":null,"function_call":%b}' % _encode({"name": piece.name, "arguments": ""})
            if piece.arguments:
                yield b'{"content":null,"function_call":%b}' % _encode({"arguments": piece.arguments})

    def whole(self, pieces: Sequence[CallDelta]) -> dict[str, object]:
        call = joined_calls(pieces)[0]
        return {"function_call": {"name": call.name, "arguments": call.arguments}}

    def finish_reason(self, reason: str) -> str:
        return "function_call" if reason == "tool_calls" else reason


def _object(call: CallDelta, arguments: str) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
