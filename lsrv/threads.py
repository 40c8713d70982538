"""Blocking work in threads that nobody has to wait for: no other work, and not the end of the process.

`asyncio.to_thread` has one pool for everything: a few looks at a drive that hangs fill it, and the loop's end joins it.
It is for computing only; what asks a disk, a network or a child process goes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """What `work` returns, from a daemon thread of its own. Cancelling gives up the wait; the thread goes on."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  # it is the caller's, whatever it is
            settle(partial(future.set_exception, _settable(error)))
        else:
            settle(partial(future.set_result, result))

    def settle(outcome: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if future.done() else outcome())

    threading.Thread(target=run, name="lsrv-work", daemon=True).start()
    return future


def _settable(error: BaseException) -> BaseException:
    """A future refuses StopIteration, and whoever waits for it would wait for ever."""
    return RuntimeError(f"unexpected {error!r}") if isinstance(error, StopIteration) else error


class Lanes:
    """At most `width` threads at once for one name. What hangs there holds up what is asked of that name only."""

    def __init__(self, width: int = 2) -> None:
        self._width = width
        self._gates: dict[str, asyncio.Semaphore] = {}

    async def run(self, lane: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns. A thread that goes on after its caller has left keeps its place in the lane."""
        gate = self._gates.setdefault(lane, asyncio.Semaphore(self._width))
        await gate.acquire()
        job = in_thread(work, *args, **kwargs)
        job.add_done_callback(lambda done: self._leave(gate, done))
        return await asyncio.shield(job)

    @staticmethod
    def _leave(gate: asyncio.Semaphore, done: asyncio.Future[T]) -> None:
        gate.release()
        if not done.cancelled():
            done.exception()  # the caller may have left: then nobody hears of it
