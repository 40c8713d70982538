"""Blocking work beside an event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from lsrv.threads import Lanes, in_thread

DEADLINE_S = 60.0


def test_work_returns_and_raises_to_who_awaits_it() -> None:
    async def both() -> int:
        with pytest.raises(KeyError):
            await in_thread({}.__getitem__, "nothing")
        return await in_thread(max, 1, 2)

    assert asyncio.run(both()) == 2


def test_an_end_of_iteration_in_a_thread_is_an_error_and_no_wait_for_ever() -> None:
    async def ask() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await in_thread(next, iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(ask())


def test_what_hangs_in_one_lane_holds_up_no_other() -> None:
    may_end = threading.Event()

    async def scene() -> str:
        lanes = Lanes(width=2)
        hung = [asyncio.create_task(lanes.run("hung", may_end.wait, DEADLINE_S)) for _ in range(20)]
        found = await lanes.run("well", lambda: "found")
        assert not any(task.done() for task in hung)
        may_end.set()
        assert await asyncio.gather(*hung) == [True] * 20
        return found

    assert asyncio.run(scene()) == "found"


def test_who_gives_up_leaves_the_place_in_the_lane_to_the_thread_that_goes_on() -> None:
    begun: list[threading.Event] = [threading.Event(), threading.Event()]
    may_end = threading.Event()

    def work(n: int) -> None:
        begun[n].set()
        may_end.wait(DEADLINE_S)

    async def scene() -> None:
        lanes = Lanes(width=1)
        first = asyncio.create_task(lanes.run("disk", work, 0))
        await asyncio.to_thread(begun[0].wait, DEADLINE_S)
        first.cancel()
        await asyncio.wait((first,))
        second = asyncio.create_task(lanes.run("disk", work, 1))
        await lanes.run("other", lambda: None)
        assert not begun[1].is_set()
        may_end.set()
        await second

    asyncio.run(scene())
    assert begun[1].is_set()


def test_a_thread_that_hangs_is_no_reason_for_a_process_to_stay() -> None:
    code = (
        "import asyncio, threading; from lsrv.threads import in_thread\n"
        "async def main():\n"
        "    in_thread(threading.Event().wait)\n"
        "asyncio.run(main())"
    )
    subprocess.run([sys.executable, "-c", code], timeout=DEADLINE_S, check=True)
