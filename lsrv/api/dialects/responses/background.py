"""A response that is made in the background: what it is before, while and after somebody is asked. Pure."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from lsrv.api.dialects.contract import Dialect, Heading
from lsrv.api.dialects.responses.body import Item, ResponsesBody
from lsrv.api.dialects.responses.call import N_TOLD, AskedItems, KeepResponse, ResponsesCall
from lsrv.api.dialects.responses.events import EventNumbers
from lsrv.api.dialects.responses.kept import KeptResponse
from lsrv.api.dialects.responses.response import CANCELLED, QUEUED, Ending, response_object

_encode = msgspec.json.Encoder().encode


class _Refusal(msgspec.Struct):
    error: Item


_decoder = msgspec.json.Decoder(_Refusal)


class BackgroundCall:
    """It streams to whoever follows it. `created`: now, in Unix time."""

    def __init__(self, body: ResponsesBody, items: AskedItems, keep: KeepResponse, created: int) -> None:
        fields: Item = {"background": True, "created_at": created}
        self._call = ResponsesCall(replace(body, stream=True), items, keep, fields)
        self._heading = Heading(body.model or "default", created)
        self._ending: Ending = QUEUED  # until somebody answers

    @property
    def response_id(self) -> str:
        return self._call.response_id

    @property
    def dialect(self) -> Dialect:
        return self._call.dialect

    def opening(self) -> bytes:
        """The events before all others: N_TOLD of them."""
        events = EventNumbers()
        names = ("response.created", "response.queued")
        return b"".join(events.event(name, {"response": self.now()}) for name in names)

    def view(self) -> bytes:
        """The response as far as it has come."""
        return _encode(self.now())

    def now(self) -> Item:
        reply = self._call.reply
        return self._bare() if reply is None or self._ending is not QUEUED else reply.now()

    def kept(self) -> KeptResponse:
        """The same as it is kept."""
        return KeptResponse(self.now(), self._call.input)

    def concluded(self, refusal: bytes, *, is_cancelled: bool) -> bytes:
        """The last events of a response that nobody ended. `refusal`: the body of an error before the first event."""
        reply = self._call.reply
        if is_cancelled and reply is not None and reply.now()["status"] == "in_progress":
            reply.cancelled()
        elif is_cancelled and reply is None:
            self._ending = CANCELLED
        elif refusal and not is_cancelled:
            return self._refused(refusal)
        return b""

    def _refused(self, refusal: bytes) -> bytes:
        error = _decoder.decode(refusal).error
        self._ending = Ending("failed", error={"code": "server_error", "message": error.get("message")})
        events = EventNumbers(N_TOLD)
        failed = events.event("response.failed", {"response": self.now()})
        return failed + events.event(
            "error", {"code": error.get("code"), "message": error.get("message"), "error": error}
        )

    def _bare(self) -> Item:
        return response_object(self._call.asked, self._heading, self._ending, [], None)
