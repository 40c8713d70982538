"""One call of `POST /v1/responses`: what it asks, and what becomes of it. Its errors go on counting its events."""

from __future__ import annotations

from collections.abc import Sequence

from lsrv.api.dialects.contract import Dialect, DialectRequest, Heading, Reply
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.responses.body import Item, ResponsesBody
from lsrv.api.dialects.responses.events import new_item_id
from lsrv.api.dialects.responses.output import OutputForm
from lsrv.api.dialects.responses.reply import ResponseForm, ResponsesReply
from lsrv.api.dialects.responses.request import parse_responses
from lsrv.api.dialects.responses.response import asked_fields
from lsrv.errors import LsrvError


class ResponsesCall:
    """`earlier`: items that came before those of `body`."""

    def __init__(self, body: ResponsesBody, earlier: Sequence[Item] = ()) -> None:
        self.response_id = new_item_id("resp")
        self._body = body
        self._earlier = earlier
        self._reply: ResponsesReply | None = None  # of who was asked last

    @property
    def dialect(self) -> Dialect:
        """What delivers this call, and no other."""
        return Dialect(read_head=head_of, parse=self._parse, error_event=self._error_event)

    def _parse(self, raw: bytes) -> DialectRequest:
        """`raw` is the body that was read."""
        return parse_responses(self._body, self._earlier, self._make_reply)

    def _make_reply(self, form: OutputForm, heading: Heading) -> Reply:
        self._reply = ResponsesReply(ResponseForm(asked_fields(self._body, self.response_id), form), heading)
        return self._reply

    def _error_event(self, error: LsrvError) -> bytes:
        return self._reply.broken_off(error) if self._reply is not None else b""
