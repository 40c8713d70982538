"""The requests a worker has been given and not yet ended, and who receives their events. Knows no socket."""

from __future__ import annotations

import itertools
from typing import Protocol

from lsrv.errors import LsrvError, from_info
from lsrv.protocol.events import Accepted, Event, Failed, Finished, SingleAnswer, Step, StreamEvent

RequestEvent = StreamEvent | SingleAnswer


class Receiver(Protocol):
    """Takes one request's events. Neither method may block or raise."""

    def push(self, event: RequestEvent) -> None: ...

    def fail(self, error: LsrvError) -> None: ...


class InFlight:
    """Hands each event to the receiver of its request; events of forgotten requests fall on the floor."""

    def __init__(self) -> None:
        self._receivers: dict[int, Receiver] = {}
        self._ids = itertools.count(1)

    def __len__(self) -> int:
        return len(self._receivers)

    def add(self, receiver: Receiver) -> int:
        """A request_id of its own for `receiver`."""
        request_id = next(self._ids)
        self._receivers[request_id] = receiver
        return request_id

    def has(self, request_id: int) -> bool:
        """Whether the request has not ended yet."""
        return request_id in self._receivers

    def forget(self, request_id: int) -> bool:
        """Whether the request had not ended yet."""
        return self._receivers.pop(request_id, None) is not None

    def dispatch(self, event: Event) -> None:
        """Deliver what `event` carries. `Step` comes once per token of every slot: this is the parent's hot path."""
        if type(event) is Step:
            receivers = self._receivers
            for delta in event.deltas:
                receiver = receivers.get(delta.request_id)
                if receiver is not None:
                    receiver.push(delta)
            for finished in event.finished:
                self._end(finished)
        elif isinstance(event, Accepted):
            receiver = self._receivers.get(event.request_id)
            if receiver is not None:
                receiver.push(event)
        elif isinstance(event, SingleAnswer):
            self._end(event)
        elif isinstance(event, Failed):
            receiver = self._receivers.pop(event.request_id, None)
            if receiver is not None:
                receiver.fail(from_info(event.error))

    def fail_all(self, error: LsrvError) -> None:
        """End every request with `error`."""
        receivers = list(self._receivers.values())
        self._receivers.clear()
        for receiver in receivers:
            receiver.fail(error)

    def _end(self, event: Finished | SingleAnswer) -> None:
        receiver = self._receivers.pop(event.request_id, None)
        if receiver is not None:
            receiver.push(event)
