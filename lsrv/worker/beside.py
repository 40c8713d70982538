"""Work that grows with what a client sent, done beside the engine's thread, which decodes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from lsrv.worker.pending import result_of

_Result = TypeVar("_Result")

_AT_ONCE_BYTES = 4 * 1024  # takes less than it costs to go to another thread
_SHORT_BYTES = 64 * 1024
# llguidance goes as deep as a grammar, and a tokenizer's regular expressions as deep as a text is long.
STACK_BYTES = 512 * 1024 * 1024


class Beside:
    """Two threads with large stacks, so that short work doesn't wait for long work."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake`: called from any thread whenever something is done."""
        self.wake = wake
        self._short = _executor("short")
        self._long = _executor("long")

    def start(self, work: Callable[[], _Result], *, is_long: bool) -> Future[_Result]:
        """Do it on another thread."""
        future = (self._long if is_long else self._short).submit(work)
        future.add_done_callback(lambda _: self.wake())
        return future

    async def run(self, n_bytes: int, work: Callable[[], _Result]) -> _Result:
        """What comes of `work`, which takes as long as `n_bytes` say: at once, or later."""
        if n_bytes <= _AT_ONCE_BYTES:
            return work()
        return await result_of(self.start(work, is_long=n_bytes > _SHORT_BYTES))

    def close(self) -> None:
        """Wait for what runs: nothing may use a model that is freed."""
        for executor in (self._short, self._long):
            executor.shutdown(cancel_futures=True)


def _executor(name: str) -> ThreadPoolExecutor:
    """An executor with its thread, which gets the stack size that holds when it starts."""
    before = threading.stack_size(STACK_BYTES)
    try:
        executor = ThreadPoolExecutor(1, name)
        executor.submit(int)
        return executor
    finally:
        threading.stack_size(before)
