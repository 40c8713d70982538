"""The worker's end of the socket pair: commands out of it, events into it. Blocking sends, timed receives."""

from __future__ import annotations

import contextlib
import select
import socket

from lsrv.protocol.commands import Command
from lsrv.protocol.events import Event
from lsrv.protocol.framing import FrameSplitter, command_decoder, encode_event

_RECEIVE_BYTES = 1 << 20


class Channel:
    """Frames over one socket, and what else the loop waits for. Belongs to the engine thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock
        self._splitter = FrameSplitter()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._watched: frozenset[int] = frozenset()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._poll.register(self._woken, select.POLLIN)

    def wake(self) -> None:
        """Have the `receive` that waits now, or the next one, return early. Any thread may call."""
        with contextlib.suppress(BlockingIOError):  # it is full: that wakes as well
            self._waker.send(b"!")

    def watch(self, descriptors: frozenset[int]) -> None:
        """Have `receive` return early when one of these can be read; no longer for those of the call before."""
        for descriptor in self._watched - descriptors:
            self._poll.unregister(descriptor)
        for descriptor in descriptors - self._watched:
            self._poll.register(descriptor, select.POLLIN)
        self._watched = descriptors

    def send(self, *events: Event) -> None:
        """Write a frame for each; waits while the parent doesn't read. Raises OSError once the parent is gone.

        In one piece: every write wakes the parent.
        """
        if events:
            self._sock.sendall(b"".join(map(encode_event, events)))

    def receive(self, timeout_s: float) -> list[Command]:
        """Commands that are there, after waiting at most `timeout_s` for the first. Raises EOFError at the end."""
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
        if self._woken.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(_RECEIVE_BYTES)
        if self._sock.fileno() not in ready:
            return []
        data = self._sock.recv(_RECEIVE_BYTES)
        if not data:
            raise EOFError
        return [command_decoder.decode(body) for body in self._splitter.feed(data)]
