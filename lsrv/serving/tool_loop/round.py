"""One round of an answer: whose calls are in it, and what its client hears of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from msgspec.structs import replace

from lsrv.protocol.calls import joined_calls
from lsrv.protocol.events import CallDelta, Delta, Finished, Usage

RoundMessage = dict[str, object]


class Round:
    """Reads the events of one round. `is_server_tool` tells whose a call is, by the name of its tool."""

    def __init__(self, is_server_tool: Callable[[str], bool]) -> None:
        self._is_server_tool = is_server_tool
        self._places: dict[int, int | None] = {}  # of a call: where it stands among the client's; None: the server's
        self._pieces: list[CallDelta] = []
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self.end: Finished | None = None

    def delta(self, delta: Delta) -> Delta | None:
        """What of it is for the client; None: nothing."""
        self._text.append(delta.text)
        self._reasoning.append(delta.reasoning)
        if not delta.calls:
            return delta
        left = replace(delta, calls=self._clients(delta.calls))
        has_more = left.text or left.reasoning or left.calls or left.logprobs or left.tokens
        return left if has_more else None

    def finish(self, end: Finished) -> None:
        """The end of the round; `end.calls` are the client's own from now on."""
        self._text.append(end.text)
        self._reasoning.append(end.reasoning)
        self.end = replace(end, calls=self._clients(end.calls))

    @property
    def server_calls(self) -> list[CallDelta]:
        """Whole calls of server tools."""
        return joined_calls(self._pieces)

    @property
    def is_to_go_on(self) -> bool:
        """Whether the model waits for tools of the server, and for nobody else."""
        is_calling = self.end is not None and self.end.finish_reason == "tool_calls"
        return is_calling and bool(self._pieces) and not any(place is not None for place in self._places.values())

    @property
    def text(self) -> str:
        return "".join(self._text)

    def message(self, ids: Sequence[str]) -> RoundMessage:
        """What the model said, as templates want it; `ids` of its calls."""
        calls = [
            {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call_id, call in zip(ids, self.server_calls, strict=True)
        ]
        said: RoundMessage = {"role": "assistant", "content": self.text.lstrip("\n"), "tool_calls": calls}
        reasoning = "".join(self._reasoning)
        return said | {"reasoning_content": reasoning} if reasoning else said

    def _clients(self, pieces: Sequence[CallDelta]) -> list[CallDelta]:
        kept: list[CallDelta] = []
        for piece in pieces:
            if piece.index not in self._places:
                n_kept = sum(place is not None for place in self._places.values())
                self._places[piece.index] = None if self._is_server_tool(piece.name) else n_kept
            place = self._places[piece.index]
            if place is None:
                self._pieces.append(piece)
            else:
                kept.append(replace(piece, index=place))
        return kept


def arguments_of_call(text: str) -> dict[str, object] | None:
    """The arguments of a call; None: they are no JSON object."""
    try:
        found = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def usage_of_rounds(usages: Sequence[Usage]) -> Usage:
    """What all rounds took together: each reads its whole prompt, of which it knows most already."""
    names = Usage.__struct_fields__
    return Usage(*(sum(getattr(usage, name) for usage in usages) for name in names))
