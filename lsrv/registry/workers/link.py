"""The parent's end of a worker's socket pair: commands out, events in. Knows frames; knows no process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from lsrv.protocol.commands import Command
from lsrv.protocol.events import Event
from lsrv.protocol.framing import FrameSplitter, encode_command, event_decoder


class WorkerLink(asyncio.Protocol):
    """Calls `on_event` for every event in order, and `on_closed` once when the other end is gone or talks nonsense."""

    def __init__(self, on_event: Callable[[Event], None], on_closed: Callable[[str | None], None]) -> None:
        self.last_heard_s = 0.0  # loop time of the latest bytes
        self._on_event = on_event
        self._on_closed = on_closed
        self._splitter = FrameSplitter()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._nonsense: str | None = None

    def send(self, command: Command) -> None:
        """Queue `command` for the worker; without effect once the link is closed, whose `on_closed` tells."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_command(command))

    def close(self) -> None:
        """Close this end, which a worker takes as the order to exit."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self.last_heard_s = self._loop.time()

    def data_received(self, data: bytes) -> None:
        self.last_heard_s = self._loop.time()
        try:
            events = [event_decoder.decode(body) for body in self._splitter.feed(data)]
        except (ValueError, msgspec.MsgspecError) as error:
            self._nonsense = f"the worker sent what is no frame: {error}"
            self.close()
            return
        for event in events:
            self._on_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_closed(self._nonsense)
