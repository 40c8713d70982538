"""The worker's end of the socket pair: commands out of it, events into it. Blocking sends, timed receives."""

from __future__ import annotations

import select
import socket

from lsrv.protocol.commands import Command
from lsrv.protocol.events import Event
from lsrv.protocol.framing import FrameSplitter, command_decoder, encode_event

_RECEIVE_BYTES = 1 << 20


class Channel:
    """Frames over one socket. Belongs to the engine thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock
        self._splitter = FrameSplitter()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def send(self, *events: Event) -> None:
        """Write a frame for each; waits while the parent doesn't read. Raises OSError once the parent is gone.

        In one piece: every write wakes the parent.
        """
        if events:
            self._sock.sendall(b"".join(map(encode_event, events)))

    def receive(self, timeout_s: float) -> list[Command]:
        """Commands that are there, after waiting at most `timeout_s` for the first. Raises EOFError at the end."""
        if not self._poll.poll(timeout_s * 1000):
            return []
        data = self._sock.recv(_RECEIVE_BYTES)
        if not data:
            raise EOFError
        return [command_decoder.decode(body) for body in self._splitter.feed(data)]
