from __future__ import annotations

import asyncio

import pytest

from lsrv.errors import ModelDisabledError
from lsrv.registry.upstream.capacity import Places


async def queued(places: Places, *priorities: int) -> list[asyncio.Task[None]]:
    """Requests that wait, in that order of arrival."""
    tasks = [asyncio.create_task(places.acquire(priority)) for priority in priorities]
    await asyncio.sleep(0)
    assert places.n_waiting == len(tasks)
    return tasks


def test_places_go_by_priority() -> None:
    async def scenario() -> None:
        places = Places(1)
        await places.acquire(0)
        low, usual, high = await queued(places, -1, 0, 1)
        for task in (high, usual, low):
            places.release()
            await task
        places.release()
        assert not places.are_taken

    asyncio.run(scenario())


def test_a_place_that_was_given_to_one_who_leaves_goes_to_the_next() -> None:
    async def scenario() -> None:
        places = Places(1)
        await places.acquire(0)
        leaving, other = await queued(places, 0, 0)
        places.release()  # `leaving` has it, and has not run since
        leaving.cancel()
        await other
        assert places.are_taken and places.n_waiting == 0

    asyncio.run(scenario())


def test_who_leaves_the_queue_is_passed_over() -> None:
    async def scenario() -> None:
        places = Places(1)
        await places.acquire(0)
        leaving, other = await queued(places, 0, 0)
        leaving.cancel()
        places.release()  # before `leaving` has learnt that it is cancelled
        await other
        assert places.are_taken and places.n_waiting == 0
        places.release()
        assert not places.are_taken

    asyncio.run(scenario())


def test_who_waits_can_be_turned_away_and_who_has_a_place_keeps_it() -> None:
    async def scenario() -> None:
        places = Places(1)
        await places.acquire(0)
        leaving, *others = await queued(places, 0, 0, 1)
        leaving.cancel()  # and has not run since
        places.refuse(ModelDisabledError("off"))
        for other in others:
            with pytest.raises(ModelDisabledError, match="off"):
                await other
        assert places.are_taken and places.n_waiting == 0
        places.release()
        assert not places.are_taken, "the one that was in use is free; none came from those who were turned away"

    asyncio.run(scenario())
