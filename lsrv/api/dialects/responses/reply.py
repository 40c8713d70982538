"""Events to a response, whole or as named events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from lsrv.api.dialects.contract import Heading
from lsrv.api.dialects.responses.body import Item
from lsrv.api.dialects.responses.events import EventNumbers
from lsrv.api.dialects.responses.output import ItemWriter, OutputForm
from lsrv.api.dialects.responses.response import IN_PROGRESS, Ending, ending_of, failure, response_object
from lsrv.api.http.errors import error_object
from lsrv.errors import LsrvError
from lsrv.protocol.events import Delta, Finished, Usage

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ResponseForm:
    """What a body says of its response: `asked`, the fields that are repeated, and how items are written."""

    asked: Item
    output: OutputForm = field(default_factory=OutputForm)


class ResponsesReply:
    """One response, which has one choice."""

    def __init__(self, form: ResponseForm, heading: Heading) -> None:
        self._form = form
        self._heading = heading
        self._events = EventNumbers()
        self._output = ItemWriter(self._events, form.output)
        self._is_over = False
        self._failures: Item = {}  # what could not be done with it

    def head(self) -> bytes:
        response = self._object(IN_PROGRESS)
        names = ("response.created", "response.in_progress")
        return b"".join(self._events.event(name, {"response": response}) for name in names)

    def delta(self, index: int, delta: Delta) -> bytes:
        return self._output.said(delta)

    def finish(self, index: int, finished: Finished) -> bytes:
        self._is_over = True
        status = "incomplete" if ending_of(finished).status == "incomplete" else "completed"
        return self._output.said(finished) + self._output.end(status)

    def tail(self, finished: Sequence[Finished]) -> bytes:
        response = self.response(finished[0])
        return self._events.event(f"response.{response['status']}", {"response": response})

    def body(self, finished: Sequence[Finished]) -> bytes:
        return _encode(self.response(finished[0]))

    def response(self, finished: Finished) -> Item:
        """The whole object of an answer that is over."""
        if not self._is_over:
            self.finish(0, finished)
        response = self._object(ending_of(finished), finished.usage) | self._failures
        return response | {"complaint": finished.complaint} if finished.complaint else response

    def was_not_kept(self) -> None:
        """The disk refused it: nobody can come back to it."""
        warnings = [*self._heading.notes, "store: this response could not be kept"]
        self._failures = {"store": False, "warnings": warnings}

    def broken_off(self, error: LsrvError) -> bytes:
        """The last events of a stream that fails: some clients know the one, some the other."""
        cut = self._output.broken_off()
        failed = self._events.event("response.failed", {"response": self._object(failure(error))})
        return cut + failed + self._error(error)

    def _error(self, error: LsrvError) -> bytes:
        told = error_object(error)
        flat: Item = {name: told[name] for name in ("code", "message", "param")}
        return self._events.event("error", {**flat, "error": told})

    def _object(self, ending: Ending, usage: Usage | None = None) -> Item:
        return response_object(self._form.asked, self._heading, ending, self._output.items, usage)
