"""Tools in OpenAI's words from the client's side: what may be called, and calls as events. Pure but for new ids."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import cast

import msgspec

from lsrv.protocol.commands import ToolUse
from lsrv.protocol.events import CallDelta


class CalledFunction(msgspec.Struct, frozen=True):
    """What is called, or more of it."""

    name: str | None = None
    arguments: str | None = None


class CallPiece(msgspec.Struct, frozen=True):
    """A call, or more of one: whole answers and some servers' streams have no `index`."""

    function: CalledFunction = CalledFunction()
    id: str | None = None
    index: int | None = None


def tool_fields(use: ToolUse | None) -> dict[str, object]:
    """A body's fields. Tools that may not be called stay here: few servers know a word for that."""
    if use is None:
        return {}
    is_single = use.choice == "required" and len(use.names) == 1
    fields: dict[str, object] = {
        "tools": use.tools if is_single else [tool for tool in use.tools if _name(tool) in use.names],
        "tool_choice": {"type": "function", "function": {"name": use.names[0]}} if is_single else use.choice,
    }
    return fields if use.is_parallel else fields | {"parallel_tool_calls": False}


def _name(tool: dict[str, object]) -> str:
    return cast("dict[str, str]", tool["function"])["name"]


class CallReading:
    """The calls of one choice as they come, counted from 0 whatever the server counts."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._ours: dict[int, int] = {}  # their index to ours; some give several calls the same

    @property
    def has_calls(self) -> bool:
        return bool(self._ids)

    def read(self, pieces: Sequence[CallPiece]) -> list[CallDelta]:
        """The pieces as events have them. Raises msgspec.ValidationError for a call without a name."""
        return [delta for delta in map(self._read, pieces) if delta.name or delta.arguments]

    def _read(self, piece: CallPiece) -> CallDelta:
        name, arguments = piece.function.name or "", piece.function.arguments or ""
        theirs = piece.index if piece.index is not None else len(self._ids) - (not name)
        ours = self._ours.get(theirs)
        if ours is not None and not (name and piece.id and piece.id != self._ids[ours]):
            return CallDelta(ours, arguments)
        if not name:
            raise msgspec.ValidationError("a call of a tool without the tool's name")
        self._ours[theirs] = len(self._ids)
        self._ids.append(piece.id or f"call_{secrets.token_hex(12)}")
        return CallDelta(len(self._ids) - 1, arguments, name, self._ids[-1])


def deltas_in(pieces: Sequence[CallPiece]) -> list[CallDelta]:
    """Pieces of an answer that passes as it is: they are looked at, and nothing is refused."""
    return [
        CallDelta(i if piece.index is None else piece.index, piece.function.arguments or "", piece.function.name or "")
        for i, piece in enumerate(pieces)
    ]
