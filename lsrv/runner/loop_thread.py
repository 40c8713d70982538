"""An event loop in a thread of its own, for callers that have none, or one that must not wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TypeVar

from lsrv.runner.runner_error import RunnerError

T = TypeVar("T")

_MOMENT_S = 0.005


class LoopThread:
    """Runs coroutines for any number of threads. Its loop begins with the first one and ends with `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def wait(self, work: Coroutine[object, object, T]) -> T:
        """What `work` returns or raises. An interrupt (Ctrl-C) in the caller's thread cancels it.

        Raises RunnerError in a forked process: loop and workers stayed where they were made.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        except BaseException:
            work.close()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RunnerError("The Runner was closed while it worked on this.", code="closed", status=503) from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """`items` one by one. Whoever stops taking them closes them: a request is cancelled then."""
        try:
            while True:
                taken = self.wait(_next(items))
                if not taken:
                    return
                yield taken[0]
        finally:
            with contextlib.suppress(RunnerError):
                self.wait(_closed(items))

    @property
    def is_running(self) -> bool:
        """Whether there is a loop, and in this process."""
        return self._loop is not None and os.getpid() == self._pid

    def close(self) -> None:
        """End the loop; what still runs on it is cancelled. May be called twice."""
        with self._turn:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None or os.getpid() != self._pid:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if os.getpid() != self._pid:
            raise RunnerError(
                "This Runner belongs to the process that made it; make a new one behind the fork.",
                code="wrong_process",
                status=500,
            )
        with self._turn:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _next(items: AsyncIterator[T]) -> tuple[()] | tuple[T]:
    """The next item; empty behind the last one."""
    try:
        return (await anext(items),)
    except StopAsyncIteration:
        return ()


async def _closed(items: AsyncIterator[T]) -> None:
    while getattr(items, "ag_running", False):  # noqa: ASYNC110  # an interrupt has just cancelled its last wait
        await asyncio.sleep(_MOMENT_S)
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
