"""Calls of tools from their pieces: Ollama's clients get each call whole, its arguments as an object. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lsrv.api.dialects.fields.arguments import arguments_object
from lsrv.protocol.calls import joined_calls
from lsrv.protocol.events import CallDelta


class CallCollector:
    """Keeps the pieces of the call that is being written. A call is whole once the next one begins, or at the end."""

    def __init__(self) -> None:
        self.unreadable = ""  # arguments that are no object, for an answer may be cut off within them
        self._pieces: list[CallDelta] = []

    def add(self, pieces: Sequence[CallDelta]) -> list[dict[str, object]]:
        """The calls that are whole now."""
        if not pieces:
            return []
        whole: list[dict[str, object]] = []
        for piece in pieces:
            if self._pieces and piece.index != self._pieces[0].index:
                whole += self.flush()
            self._pieces.append(piece)
        return whole

    def flush(self) -> list[dict[str, object]]:
        """The call that is kept, for nothing more of it comes."""
        calls, self._pieces = joined_calls(self._pieces), []
        return [written for call in calls if (written := self._object(call)) is not None]

    def _object(self, call: CallDelta) -> dict[str, object] | None:
        arguments = arguments_object(call.arguments)
        if arguments is None:
            self.unreadable += call.arguments
            return None
        function = {"index": call.index, "name": call.name, "arguments": arguments}
        return {"id": call.id, "function": function}
