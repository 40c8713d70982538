"""uvicorn's httptools protocol with the limits it lacks: header size, deadlines, write stalls, connection count.

uvicorn 0.54 waits forever for a header or a body, takes headers of any size, and answers parser errors as text.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState as UvicornState

from lsrv.api.http.errors import OPENAI_ERRORS, HeadersTooLargeError, RequestTimeoutError, error_response
from lsrv.api.http.until_close import write_until_close
from lsrv.errors import CapacityError, LsrvError, RequestError

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_LINGER_S = 2.0  # how long a refused client may go on sending before it is cut off


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    header_bytes: int = 64 * 1024
    n_headers: int = 100
    header_timeout_s: float = 10.0
    body_rate: float = 1024.0  # bytes per second, measured over each `body_interval_s`
    body_interval_s: float = 10.0
    unread_bytes: int = 64 * 1024 * 1024  # of a body whose request was answered already
    write_stall_s: float = 60.0
    n_connections: int = 8192


class IdleConnections:
    """Connections that wait for a request, the one that waits longest first."""

    def __init__(self) -> None:
        self._order: dict[GuardedProtocol, None] = {}

    def add(self, connection: GuardedProtocol) -> None:
        self._order[connection] = None

    def discard(self, connection: GuardedProtocol) -> None:
        self._order.pop(connection, None)

    def drop_oldest(self) -> bool:
        """Cut off the connection that has waited longest; False if none waits."""
        oldest = next(iter(self._order), None)
        if oldest is None:
            return False
        self.discard(oldest)
        oldest.transport.abort()
        return True


class GuardedProtocol(HttpToolsProtocol):
    """One client connection."""

    def __init__(
        self,
        config: Config,
        server_state: UvicornState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
        idle: IdleConnections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._idle = idle
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._is_in_header = True  # or between requests
        self._is_between = True  # no byte of the next request has come
        self._is_refused = False
        self._n_header_bytes = 0
        self._n_body_bytes = 0
        self._n_unread_bytes = 0
        self._n_framing_bytes = 0  # of a chunked body since its last byte: sizes, extensions, trailers
        self._n_trailers = self._n_trailer_bytes = 0

    # -- connection ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._arm(self._limits.header_timeout_s, self._header_late)
        if len(self.connections) > self._limits.n_connections and not self._idle.drop_oldest():
            self._refuse(CapacityError("Too many connections are open; close some, or try again later."))
            return
        self._idle.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.discard(self)
        self._disarm()
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self._limits.write_stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
        super().resume_writing()

    # -- receiving -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._is_between:
            data = data.lstrip(b"\r\n")  # old clients end a body with a line break
            if not data:
                return
        if self._is_in_header:
            self._n_header_bytes += len(data)
            if b"h2c" in data:
                data = _without_upgrade(data)
        else:
            self._n_framing_bytes += len(data)
        super().data_received(data)
        if max(self._n_header_bytes, self._n_framing_bytes) > self._limits.header_bytes:
            self._refuse_headers()
        if self._is_in_header and not self._is_between:
            self._await_header()

    def on_message_begin(self) -> None:
        self._is_in_header = True
        self._is_between = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A trailer is no header: it comes behind a body that was let in by the headers, and nobody reads it."""
        if self._is_in_header:
            super().on_header(name, value)
            return
        self._n_trailers += 1
        self._n_trailer_bytes += len(name) + len(value)
        if self._n_trailers > self._limits.n_headers or self._n_trailer_bytes > self._limits.header_bytes:
            self._refuse_headers()

    def on_headers_complete(self) -> None:
        limits = self._limits
        n_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        self._is_in_header = False
        self._n_header_bytes = self._n_framing_bytes = self._n_trailers = self._n_trailer_bytes = 0
        self._idle.discard(self)
        self._disarm()
        if self._is_refused:
            return
        if n_bytes > limits.header_bytes or len(self.headers) > limits.n_headers:
            self._refuse_headers()
            return
        self._n_body_bytes = self._n_unread_bytes = 0
        self._arm(limits.body_interval_s, self._check_body_rate)
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            write_until_close(self.cycle)

    def on_body(self, body: bytes) -> None:
        if self._is_refused:
            return
        self._n_body_bytes += len(body)
        self._n_framing_bytes = 0
        if self.cycle.response_complete:  # nobody reads it any more, yet the next request can only follow it
            self._n_unread_bytes += len(body)
            if self._n_unread_bytes > self._limits.unread_bytes:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._disarm()
        self._is_in_header = self._is_between = True
        self._n_framing_bytes = 0
        if self._is_refused:
            return
        super().on_message_complete()
        if self.cycle.response_complete:
            self._wait_for_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_header and not self.pipeline and not self.transport.is_closing():
            self._wait_for_request()

    def _wait_for_request(self) -> None:
        self._idle.add(self)
        if not self._is_between:
            self._await_header()

    # -- deadlines -----------------------------------------------------------------------------------------------------

    def _await_header(self) -> None:
        """Set the deadline of a request that has begun. The answer to the one before comes first, and has none."""
        is_answering = any(not cycle.response_complete for cycle in self._cycles())
        if self._deadline is None and not is_answering and not self._is_refused:
            self._arm(self._limits.header_timeout_s, self._header_late)

    def _header_late(self) -> None:
        self._deadline = None
        if not self._is_between:
            self._refuse(RequestTimeoutError("The request's headers did not arrive in time."))
        else:
            self.transport.close()

    def _check_body_rate(self) -> None:
        expected = self._limits.body_rate * self._limits.body_interval_s
        if self._n_body_bytes < expected and not self.flow.read_paused:
            self._refuse(RequestTimeoutError("The request's body did not arrive in time."))
            return
        self._n_body_bytes = 0
        self._arm(self._limits.body_interval_s, self._check_body_rate)

    def _arm(self, delay_s: float, late: Any) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(delay_s, late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # -- refusing ------------------------------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        self._refuse(RequestError(msg))

    def _refuse_headers(self) -> None:
        limits = self._limits
        self._refuse(
            HeadersTooLargeError(f"At most {limits.header_bytes} bytes and {limits.n_headers} headers are accepted.")
        )

    def _refuse(self, error: LsrvError) -> None:
        """Answer outside of any app, and close; what the client still sends is thrown away.

        Closing at once would reset the connection while the client is sending, and the answer would be lost.
        """
        if self._is_refused:
            return
        self._is_refused = True
        self._disarm()
        if not self._leave_app():
            self.transport.abort()  # in the midst of another answer there is no place for this one
            return
        self.transport.write(_raw_response(error))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.close)

    def _leave_app(self) -> bool:
        """Tell the app, if one is at work, that its client is gone; False if it is answering already."""
        for cycle in self._cycles():
            if not cycle.response_complete and cycle.response_started:
                return False
            cycle.disconnected = True
            cycle.message_event.set()
        return True

    def _cycles(self) -> list[RequestResponseCycle]:
        """The last request, if there was any; None before the first one, whatever uvicorn's type says."""
        return [cycle for cycle in (self.cycle,) if cycle]


def _without_upgrade(data: bytes) -> bytes:
    """`data` with the offer to speak HTTP/2 renamed: Java's HttpClient makes it, and llhttp then loses the body."""
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(rb"\r\nx-upgrade:", head) + end + body


def _raw_response(error: LsrvError) -> bytes:
    response = error_response(error, OPENAI_ERRORS)
    phrase = HTTPStatus(response.status).phrase
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body)), (b"connection", b"close")]
    head = b"HTTP/1.1 %d %b\r\n" % (response.status, phrase.encode())
    return head + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + response.body
