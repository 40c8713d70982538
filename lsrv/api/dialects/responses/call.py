"""One call of `POST /v1/responses`: what it asks, and what becomes of it. Its errors go on counting its events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from lsrv.api.dialects.contract import Dialect, DialectRequest, Head, Heading, Reply
from lsrv.api.dialects.fields.head import head_of
from lsrv.api.dialects.responses.body import Item, ResponsesBody
from lsrv.api.dialects.responses.events import new_item_id
from lsrv.api.dialects.responses.kept import KeptResponse, named_item
from lsrv.api.dialects.responses.output import OutputForm
from lsrv.api.dialects.responses.reply import ResponseForm, ResponsesReply
from lsrv.api.dialects.responses.request import parse_responses
from lsrv.api.dialects.responses.response import asked_fields
from lsrv.errors import LsrvError
from lsrv.protocol.events import Finished

KeepResponse = Callable[[KeptResponse], Awaitable[bool]]

N_TOLD = 2  # events of a response in the background before anybody is asked


@dataclass(frozen=True, slots=True)
class AskedItems:
    """`earlier`: what came before; `new`: what this request says, references resolved."""

    earlier: Sequence[Item]
    new: Sequence[Item]


class ResponsesCall:
    """`keep` takes the response that is over, and says whether it could; None: nobody comes back to it.

    `background`: fields of a response whose client has been told already that it will be made. `created`: in Unix time.
    """

    def __init__(
        self,
        body: ResponsesBody,
        items: AskedItems,
        keep: KeepResponse | None = None,
        background: Item | None = None,
        created: int = 0,
    ) -> None:
        self.response_id = new_item_id("resp")
        self.input = [named_item(item) for item in items.new] if keep is not None else []
        self.asked = (
            asked_fields(body, self.response_id)
            | {"store": keep is not None and body.store is not False}
            | (background or {})
        )
        self.reply: ResponsesReply | None = None  # of who was asked last
        self._body = body
        self._items = items
        self._keep = keep
        self._created = created
        self._n_told = 0 if background is None else N_TOLD

    @property
    def dialect(self) -> Dialect:
        """What delivers this call, and no other."""
        return Dialect(read_head=self._read_head, parse=self._parse, error_event=self._error_event)

    def _read_head(self, raw: bytes) -> Head:
        return replace(head_of(raw), is_streaming=bool(self._body.stream))

    def _parse(self, raw: bytes) -> DialectRequest:
        """`raw` is the body that was read."""
        request = parse_responses(self._body, self._items.earlier, self._items.new, self._make_reply)
        return request if self._keep is None else replace(request, before_end=self._before_end)

    def _make_reply(self, form: OutputForm, heading: Heading) -> Reply:
        self.reply = ResponsesReply(ResponseForm(self.asked, form, self._n_told), heading)
        return self.reply

    async def _before_end(self, ends: Sequence[Finished]) -> None:
        if self._keep is None or self.reply is None:
            return
        if not await self._keep(KeptResponse(self.reply.ended(ends[0]), self.input)):
            self.reply.was_not_kept()

    def _error_event(self, error: LsrvError) -> bytes:
        """The last events, and the first ones, too, of a stream that had nothing but comments: nobody answered."""
        if self.reply is not None:
            return self.reply.broken_off(error)
        heading = Heading(self._body.model or "default", self._created)
        reply = ResponsesReply(ResponseForm(self.asked, n_told=self._n_told), heading)
        return reply.head() + reply.broken_off(error)
