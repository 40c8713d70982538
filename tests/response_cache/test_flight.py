from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lsrv.errors import AbortedError, QueueFullError
from lsrv.protocol.events import Delta
from lsrv.response_cache.flight import ChoiceEvent, Flight, FlightReader, Flights
from tests.response_cache import end

FIRST: ChoiceEvent = (0, Delta(1, "a"))
LAST: ChoiceEvent = (0, end("b"))


class Computation:
    """One that goes on when the test says so."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.kept: list[ChoiceEvent] | None = None
        self.was_cancelled = False

    async def run(self, flight: Flight) -> None:
        flight.leased()
        flight.add([FIRST])
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        flight.add([LAST])

    async def keep(self, events: Sequence[ChoiceEvent]) -> None:
        self.kept = list(events)


async def read(reader: FlightReader) -> list[ChoiceEvent]:
    events: list[ChoiceEvent] = []
    async with reader:
        while LAST not in events:
            events += await reader.next_batch()
    return events


def test_every_reader_gets_all_events_whenever_it_came() -> None:
    async def scenario() -> None:
        computation, flights = Computation(), Flights()
        first = asyncio.create_task(read(flights.start("k", computation.run, computation.keep).reader()))
        await asyncio.sleep(0)
        joined = flights.get("k")
        assert joined is not None
        second = asyncio.create_task(read(joined.reader()))
        computation.go_on.set()
        assert await first == await second == [FIRST, LAST]
        await joined.task
        assert computation.kept == [FIRST, LAST]
        assert flights.get("k") is None

    asyncio.run(scenario())


def test_a_reader_that_leaves_does_not_end_it_for_others() -> None:
    async def scenario() -> None:
        computation, flights = Computation(), Flights()
        flight = flights.start("k", computation.run, computation.keep)
        first, second = flight.reader(), flight.reader()
        async with first:
            await first.next_batch()
        reading = asyncio.create_task(read(second))
        computation.go_on.set()
        assert await reading == [FIRST, LAST]

    asyncio.run(scenario())


def test_the_last_reader_to_leave_ends_it_and_nobody_joins_it_any_more() -> None:
    async def scenario() -> None:
        computation, flights = Computation(), Flights()
        flight = flights.start("k", computation.run, computation.keep)
        leaving = asyncio.create_task(read(flight.reader()))
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        leaving.cancel()
        await asyncio.wait((leaving,))
        assert computation.was_cancelled
        assert flights.get("k") is None
        assert computation.kept is None

    asyncio.run(scenario())


def test_who_would_get_a_place_sooner_does_not_wait_with_others() -> None:
    async def scenario() -> None:
        flights, has_place, computation = Flights(), asyncio.Event(), Computation()

        async def run(flight: Flight) -> None:
            await has_place.wait()
            await computation.run(flight)

        flight = flights.start("k", run, computation.keep, priority=0)
        reading = asyncio.create_task(read(flight.reader()))
        await asyncio.sleep(0)
        assert flights.get("k", 1) is None
        assert flights.get("k", 0) is flights.get("k", -1) is flight
        has_place.set()
        await asyncio.sleep(0)
        assert flights.get("k", 1) is flight, "it has its place: nothing is sooner"
        computation.go_on.set()
        await reading

    asyncio.run(scenario())


def test_nobody_joins_one_that_is_being_ended() -> None:
    async def scenario() -> None:
        flights, may_end = Flights(), asyncio.Event()

        async def run(flight: Flight) -> None:
            flight.leased()
            try:
                await asyncio.Event().wait()
            finally:
                await may_end.wait()  # a lease takes time to give back

        leaving = asyncio.create_task(read(flights.start("k", run, Computation().keep).reader()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert flights.get("k") is None
        may_end.set()
        await asyncio.wait((leaving,))

    asyncio.run(scenario())


def test_an_error_reaches_every_reader_and_nothing_is_kept() -> None:
    async def scenario() -> None:
        computation, flights = Computation(), Flights()

        async def fail(flight: Flight) -> None:
            raise QueueFullError("full")

        flight = flights.start("k", fail, computation.keep)
        results = await asyncio.gather(*(read(flight.reader()) for _ in range(2)), return_exceptions=True)
        assert [type(result) for result in results] == [QueueFullError] * 2
        assert computation.kept is None

    asyncio.run(scenario())


def test_an_answer_that_can_t_be_kept_is_an_answer_still(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        computation, flights = Computation(), Flights()

        async def fail(events: Sequence[ChoiceEvent]) -> None:
            raise OSError("disk full")

        computation.go_on.set()
        flight = flights.start("k", computation.run, fail)
        assert await read(flight.reader()) == [FIRST, LAST]
        await flight.task

    asyncio.run(scenario())
    assert "could not be kept" in caplog.text


def test_closing_ends_what_runs() -> None:
    async def scenario() -> None:
        computation, flights = Computation(), Flights()
        reading = asyncio.create_task(read(flights.start("k", computation.run, computation.keep).reader()))
        await asyncio.sleep(0)
        await flights.close()
        with pytest.raises(AbortedError):
            await reading

    asyncio.run(scenario())
