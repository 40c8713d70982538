"""One computation that several equal requests read, each at its own pace. It goes on while anybody reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Self

from lsrv.errors import AbortedError
from lsrv.protocol.events import ChoiceEvent, Finished
from lsrv.response_cache.answer import whole_answer

Run = Callable[["Flight"], Coroutine[object, object, None]]
Keep = Callable[[Sequence[ChoiceEvent]], Coroutine[object, object, None]]

_log = logging.getLogger(__name__)


class Flight:
    """Calls `run`, which calls `leased` once it has a place, and `add` for events; then `keep`, which nobody awaits."""

    def __init__(self, run: Run, keep: Keep, priority: int = 0) -> None:
        self._priority = priority
        self._events: list[ChoiceEvent] = []
        self._is_leased = False
        self._is_complete = False
        self._is_abandoned = False
        self._n_readers = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self.task = asyncio.create_task(self._fly(run, keep))
        self.task.add_done_callback(lambda _: self._wake())

    async def _fly(self, run: Run, keep: Keep) -> None:
        await run(self)
        self._is_complete = True
        self._wake()
        try:
            await keep(self._events)
        except Exception:  # noqa: BLE001  # the answer itself is well: its readers have it
            _log.exception("an answer could not be kept")

    # -- the computation's side --------------------------------------------------------------------

    def leased(self) -> None:
        """Take in that a place was given."""
        self._is_leased = True
        self._wake()

    def add(self, batch: Sequence[ChoiceEvent]) -> None:
        """Hand out events."""
        self._events += batch
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- the readers' side -------------------------------------------------------------------------

    def can_be_joined(self, priority: int) -> bool:
        """Whether one more reader would get the whole answer, and wait no longer for it than its `priority` says."""
        is_in_time = self._is_leased or self._priority >= priority
        return is_in_time and not self.task.done() and not self._is_abandoned

    def reader(self) -> FlightReader:
        """One more who reads from the first event on. It counts from now: enter it, and it leaves by itself."""
        self._n_readers += 1
        return FlightReader(self)

    async def wait_leased(self) -> None:
        """Raises what ended the computation before."""
        while not self._is_leased:
            await self._change()

    async def wait_beyond(self, n_events: int) -> list[ChoiceEvent]:
        """The events after the first `n_events`; at least one. Raises what ended the computation before."""
        while len(self._events) <= n_events:
            await self._change()
        return self._events[n_events:]

    async def wait_complete(self) -> list[ChoiceEvent]:
        """All events. Raises what ended the computation before."""
        while not self._is_complete:
            await self._change()
        return self._events

    async def _change(self) -> None:
        if self.task.cancelled():
            raise AbortedError("this answer was given up: the server is stopping")
        if self.task.done():
            self.task.result()
            raise AssertionError("a computation ended without the events its readers wait for")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def leave(self) -> None:
        """The last reader to leave ends a computation that still runs, and waits for its end."""
        self._n_readers -= 1
        if self._n_readers == 0 and not self._is_complete and not self.task.done():
            self._is_abandoned = True
            self.task.cancel()
            await asyncio.wait((self.task,))


class FlightReader:
    """Reads one flight from its beginning."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._n_read = 0

    async def __aenter__(self) -> Self:
        """Returns when the computation has its place."""
        try:
            await self._flight.wait_leased()
        except BaseException:
            await self._flight.leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._flight.leave()

    async def next_batch(self) -> list[ChoiceEvent]:
        """All events that were not read yet, at least one."""
        batch = await self._flight.wait_beyond(self._n_read)
        self._n_read += len(batch)
        return batch

    async def ends(self) -> list[Finished]:
        """How every choice ended, with all of its text."""
        return whole_answer(await self._flight.wait_complete())

    def end_thoughts(self) -> bool:
        """An answer that is shared is nobody's to shorten."""
        return False


class Flights:
    """The computations that run, by key."""

    def __init__(self) -> None:
        self._by_key: dict[str, Flight] = {}

    def get(self, key: str, priority: int = 0) -> Flight | None:
        """The one that an equal request of that priority can join."""
        flight = self._by_key.get(key)
        return flight if flight is not None and flight.can_be_joined(priority) else None

    def start(self, key: str, run: Run, keep: Keep, priority: int = 0) -> Flight:
        """Begin one that others can join until its answer is kept."""
        flight = self._by_key[key] = Flight(run, keep, priority)
        flight.task.add_done_callback(lambda task: self._end(key, flight, task))
        return flight

    def _end(self, key: str, flight: Flight, task: asyncio.Task[None]) -> None:
        if self._by_key.get(key) is flight:
            del self._by_key[key]
        if not task.cancelled():
            task.exception()  # its readers raise it; there may be none left

    async def close(self) -> None:
        """End all computations."""
        tasks = [flight.task for flight in self._by_key.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
