"""What one request receives from its worker: a stream of events (`RequestStream`) or one answer (`SingleReply`)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType

from lsrv.errors import AbortedError, CrashedError, LsrvError
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Accepted, Delta, Finished, SingleAnswer, StreamEvent
from lsrv.registry.workers.in_flight import RequestEvent
from lsrv.registry.workers.process import WorkerProcess

Renew = Callable[[WorkerProcess], Awaitable[WorkerProcess]]

_MAX_QUEUED_EVENTS = 8192  # a reader this far behind has stalled


class RequestStream:
    """The events of one generation: `async for`, or `next_batch` for all that is there. Ends after `Finished`.

    Raises the error of a Failed, a crash or a forced unload once the events before it were read. A worker that dies
    before any text was read is replaced once (`renew`), and the request sent again, unnoticed.
    """

    def __init__(self, worker: WorkerProcess, command: Generate, renew: Renew) -> None:
        self._worker = worker
        self._command = command
        self._renew: Renew | None = renew
        self._events: deque[StreamEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: LsrvError | None = None
        self._is_complete = False  # Finished has come, read or not
        self._was_accepted = False  # the reader has seen Accepted
        self._request_id = worker.submit(command, self)

    @property
    def n_queued(self) -> int:
        """Events that wait to be read."""
        return len(self._events)

    async def __aenter__(self) -> RequestStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> RequestStream:
        return self

    async def __anext__(self) -> StreamEvent:
        if not self._events and not await self._has_more():
            raise StopAsyncIteration
        event = self._events.popleft()
        self._hand_out(event)
        return event

    async def next_batch(self) -> list[StreamEvent]:
        """All queued events, at least one; an empty list once the stream has ended. Lets a writer coalesce."""
        if not self._events and not await self._has_more():
            return []
        batch = list(self._events)
        self._events.clear()
        self._hand_out(batch[-1])
        return batch

    async def finished(self) -> Finished:
        """The end, skipping what comes before it: for `is_streaming=False`, where it carries all of the text.

        Nothing is handed out before the end, so that a crash at any moment is retried once.
        """
        while await self._has_more():
            event = self._events.popleft()
            if isinstance(event, Finished):
                return event
        raise AssertionError("finished() was called after the end had been read")

    def end_thoughts(self) -> bool:
        """Let the model think no longer; whether it could be told."""
        return self._worker.end_thoughts(self._request_id)

    def close(self) -> None:
        """Abort the request in the worker if it has not ended. Idempotent."""
        self._renew = None
        self._events.clear()
        self._worker.abort(self._request_id)
        self.fail(AbortedError("this stream was closed by its reader"))

    # -- the worker's side -------------------------------------------------------------------------

    def push(self, event: RequestEvent) -> None:
        """Queue an event for the reader; one too far behind is aborted."""
        assert isinstance(event, Accepted | Delta | Finished)
        if type(event) is Accepted and self._was_accepted:
            return  # of the second try
        events = self._events
        events.append(event)
        if type(event) is Finished:
            self._is_complete = True
        elif len(events) > _MAX_QUEUED_EVENTS:
            events.clear()
            self._renew = None
            self._worker.abort(self._request_id)
            self.fail(AbortedError(f"the reader of this stream fell {_MAX_QUEUED_EVENTS} events behind"))
        self._wake()

    def fail(self, error: LsrvError) -> None:
        """The request has ended with `error`; the first end counts."""
        if self._error is None and not self._is_complete:
            self._error = error
            if self._can_retry():
                self._events.clear()
            self._wake()

    # -- the reader's side -------------------------------------------------------------------------

    def _hand_out(self, last: StreamEvent) -> None:
        """The reader gets events up to `last`: once it has seen text, the request can't be started again unnoticed."""
        self._was_accepted = True
        if type(last) is not Accepted:
            self._renew = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _has_more(self) -> bool:
        """Wait for an event. False at the end; raises the error that ended the stream."""
        while not self._events:
            if self._is_complete:
                return False
            if self._error is not None:
                await self._retry_or_raise(self._error)
                continue
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True

    def _can_retry(self) -> bool:
        return self._renew is not None and isinstance(self._error, CrashedError)

    async def _retry_or_raise(self, error: LsrvError) -> None:
        if not self._can_retry() or self._renew is None:
            raise error
        renew, self._renew = self._renew, None
        try:
            self._worker = await renew(self._worker)
        except LsrvError as reason:
            raise error from reason
        self._error = None
        self._request_id = self._worker.submit(self._command, self)


class SingleReply:
    """The single answer of a command that is no Generate."""

    def __init__(self) -> None:
        self.future: asyncio.Future[SingleAnswer] = asyncio.get_running_loop().create_future()

    def push(self, event: RequestEvent) -> None:
        """Settle the future with the answer."""
        assert isinstance(event, SingleAnswer)
        if not self.future.done():
            self.future.set_result(event)

    def fail(self, error: LsrvError) -> None:
        """Settle the future with an error."""
        if not self.future.done():
            self.future.set_exception(error)
