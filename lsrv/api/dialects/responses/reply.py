"""Events to a response, whole or as named events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.events import EventNumbers
from lsrv.api.dialects.responses.output import ItemWriter, OutputForm
from lsrv.api.dialects.responses.response import CANCELLED, IN_PROGRESS, ending_of, failure, response_object
from lsrv.api.http.errors import error_object
from lsrv.errors import LsrvError
from lsrv.protocol.events import Delta, Finished, Usage

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ResponseForm:
    """What a body says of its response: `asked`, the fields that are repeated, and how items are written.

    `n_told`: events that its client has had already, among them that it was made.
    """

    asked: Item
    output: OutputForm = field(default_factory=OutputForm)
    n_told: int = 0


class ResponsesReply:
    """One response, which has one choice."""

    def __init__(self, form: ResponseForm, heading: Heading) -> None:
        self._form = form
        self._heading = heading
        self._events = EventNumbers(form.n_told)
        self._output = ItemWriter(self._events, form.output)
        self._ending = IN_PROGRESS
        self._usage: Usage | None = None
        self._more: Item = {}  # fields that few responses have

    def head(self) -> bytes:
        names = ("response.in_progress",) if self._form.n_told else ("response.created", "response.in_progress")
        return b"".join(self._whole(name) for name in names)

    def delta(self, index: int, delta: Delta) -> bytes:
        return self._output.said(delta)

    def finish(self, index: int, finished: Finished) -> bytes:
        self._ending, self._usage = ending_of(finished), finished.usage
        if finished.complaint:
            self._more["complaint"] = finished.complaint
        status = "incomplete" if self._ending.status == "incomplete" else "completed"
        return self._output.said(finished) + self._output.end(status)

    def tail(self, finished: Sequence[Finished]) -> bytes:
        return self._whole(f"response.{self._ending.status}")

    def body(self, finished: Sequence[Finished]) -> bytes:
        return _encode(self.ended(finished[0]))

    def ended(self, finished: Finished) -> Item:
        """The whole response; what was not streamed is taken in now."""
        if self._ending is IN_PROGRESS:
            self.finish(0, finished)
        return self.now()

    def now(self) -> Item:
        """The whole response as far as it has come."""
        items = self._output.items
        return response_object(self._form.asked, self._heading, self._ending, items, self._usage) | self._more

    def was_not_kept(self) -> None:
        """The disk refused it: nobody can come back to it."""
        self._more |= {"store": False, "warnings": [*self._heading.notes, "store: this response could not be kept"]}

    def broken_off(self, error: LsrvError) -> bytes:
        """The last events of a stream that fails: some clients know the one, some the other."""
        self._ending = failure(error)
        cut = self._output.broken_off()
        return cut + self._whole("response.failed") + self._error(error)

    def cancelled(self) -> None:
        """Nobody wants more of it."""
        self._ending = CANCELLED
        self._output.broken_off()

    def _error(self, error: LsrvError) -> bytes:
        told = error_object(error)
        flat: Item = {name: told[name] for name in ("code", "message", "param")}
        return self._events.event("error", {**flat, "error": told})

    def _whole(self, name: str) -> bytes:
        return self._events.event(name, {"response": self.now()})
