"""An event loop in a thread, and an interrupt in another one."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from lsrv.runner.loop_thread import LoopThread


@pytest.fixture
def _interrupts() -> Iterator[None]:
    """Python's own handler, also where the run was started behind `&` or nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_an_interrupt_closes_the_stream_it_ends_however_long_its_end_takes() -> None:
    waits, said = threading.Event(), list[str]()

    async def items() -> AsyncIterator[str]:
        try:
            yield "first"
            waits.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)  # as a request that tells its worker to stop
            said.append("closed")

    def interrupt() -> None:
        waits.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    loop = LoopThread("test")
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        for item in loop.iterate(items()):
            said.append(item)
    assert said == ["first", "closed"]
    loop.close()
