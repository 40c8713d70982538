"""A part of a file as a server sends it. HTTP's numbers end here: `fetch` sees bytes and offsets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

from huggingface_hub.utils import httpx

from lsrv.frontdoor.hub.repo import BadAnswerError

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_PARTIAL = 206


class HubBody:
    """An open answer. `first_byte` is where in the file it begins: 0 if the server sent more than was asked for."""

    def __init__(self, response: httpx.Response, first_wanted: int) -> None:
        """Raises BadAnswerError if the headers contradict each other, or what was asked for."""
        self._response = response
        self.url = str(response.url)
        self.first_byte, self.file_size_bytes = _place(response)
        if self.first_byte > first_wanted:
            raise BadAnswerError(f"a part from byte {self.first_byte} on where {first_wanted} was asked for")
        etag = response.headers.get("etag", "")
        self.validator = None if etag.startswith("W/") else etag or None  # If-Range wants a strong one

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they arrive. Ends early, or raises, if the connection breaks."""
        return self._response.iter_raw()

    def break_off(self) -> None:
        """Wake a thread that waits for bytes, from another thread; its `chunks` then end or raise."""
        stream = self._response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        if isinstance(found, socket.socket):
            with suppress(OSError):  # the other side was faster
                found.shutdown(socket.SHUT_RDWR)


def _place(response: httpx.Response) -> tuple[int, int | None]:
    """(first byte, size of the whole file in bytes or None)."""
    headers = response.headers
    if response.status_code == _PARTIAL:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if match is None:
            raise BadAnswerError(f"a part without its place ({headers.get('content-range')!r})")
        return int(match[1]), int(match[3])
    length = headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() else None
