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
from typing import Any, ParamSpec, TypeVar

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


class _Lane:
    """Work of one name. What waits stands in the order it came; who gives up is no longer in it."""

    def __init__(self, width: int) -> None:
        self._n_free = width
        self._waiting: dict[asyncio.Future[Any], Callable[[], Any]] = {}

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[future] = work
        future.add_done_callback(lambda done: self._waiting.pop(done, None))
        self._advance()
        return future

    def _advance(self) -> None:
        while self._n_free and self._waiting:
            future = next(iter(self._waiting))
            self._n_free -= 1
            in_thread(self._waiting.pop(future)).add_done_callback(partial(self._end, future))

    def _end(self, future: asyncio.Future[T], done: asyncio.Future[T]) -> None:
        self._n_free += 1
        error = done.exception()
        if future.done():
            pass  # its caller has left, and nobody hears of an error
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())
        self._advance()


class Lanes:
    """Threads, at most `width` at once for one name. What hangs there holds up what is asked of that name only.

    A thread that goes on after its caller has left keeps its place.
    """

    def __init__(self, width: int = 2) -> None:
        self._width = width
        self._lanes: dict[str, _Lane] = {}

    def submit(self, lane: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """What `work` returns, begun in the order of the calls."""
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(self._width)
        return self._lanes[lane].submit(partial(work, *args, **kwargs))

    async def run(self, lane: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for who waits for it."""
        return await self.submit(lane, work, *args, **kwargs)
