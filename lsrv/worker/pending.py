"""Requests that wait for something before the engine can take them: each is a coroutine, without an event loop.

The worker's loop is the engine's. What a coroutine waits for is done by other threads and processes, and it goes on in
the first `poll` after that.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from lsrv.errors import LsrvError
from lsrv.protocol.events import Event, Failed

_Result = TypeVar("_Result")
Answer = Coroutine["Future[Any]", None, list[Event]]  # what can be said of a request once it is ready


class PendingAnswers:
    """Belongs to the engine thread."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Answer, Future[Any]]] = {}

    def start(self, request_id: int, answer: Answer) -> list[Event]:
        """Begin; the answer if it needs to wait for nothing, else nothing yet. An LsrvError becomes `Failed`."""
        return self._go_on(request_id, answer)

    def poll(self) -> list[Event]:
        """The answers of those who had to wait no longer."""
        ready = [request_id for request_id, (_, future) in self._waiting.items() if future.done()]
        events: list[Event] = []
        for request_id in ready:
            answer, _ = self._waiting.pop(request_id)
            events += self._go_on(request_id, answer)
        return events

    def abort(self, request_id: int) -> bool:
        """Give one up; whether there was one of that id."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is None:
            return False
        waiting[0].close()
        return True

    def close(self) -> None:
        """Give all of them up."""
        for request_id in list(self._waiting):
            self.abort(request_id)

    def _go_on(self, request_id: int, answer: Answer) -> list[Event]:
        try:
            self._waiting[request_id] = answer, answer.send(None)
        except StopIteration as end:
            events: list[Event] = end.value
            return events
        except LsrvError as error:
            return [Failed(request_id, error.info())]
        return []


class _Suspended:
    """The one thing that a coroutine of ours yields."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def __await__(self) -> Generator[Future[Any], None, None]:
        yield self._future


async def result_of(future: Future[_Result], *, is_shared: bool = False) -> _Result:
    """Wait for `future`. Unless others wait for it, too, it is cancelled with the one who does."""
    try:
        if not future.done():
            await _Suspended(future)
        return future.result()
    finally:
        if not is_shared:
            future.cancel()
