"""What signals mean to a server: the end, in two steps, or that its config file shall be read again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Generator

from lsrv.errors import LsrvError
from lsrv.standard_streams import has_terminal

_log = logging.getLogger(__name__)

_STOPS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """SIGTERM and SIGINT as events: the first asks for a drain, the second for an end.

    Who starts us with SIGINT ignored (`nohup`, `&` in a script) means Ctrl-C for somebody else; SIGTERM is left.
    """

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()

    @contextlib.contextmanager
    def installed(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        heeded = [number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN]
        for number in heeded:
            loop.add_signal_handler(number, self.receive, number)
        try:
            yield
        finally:
            for number in heeded:
                loop.remove_signal_handler(number)

    def ask(self) -> None:
        """Take a request of an operator for the first signal. Asked again, nothing more happens."""
        if not self.first.is_set():
            _log.info("draining, as its operator asked")
            self.first.set()

    def receive(self, number: int) -> None:
        """Take a signal for an order to stop."""
        name = signal.Signals(number).name
        if self.first.is_set():
            _log.warning("stopping at once", extra={"signal": name})
            self.second.set()
        else:
            _log.info("draining; a second signal stops at once", extra={"signal": name})
            self.first.set()


@contextlib.contextmanager
def hangups(reload: Callable[[], Coroutine[object, object, object]], stop: StopSignals) -> Generator[None]:
    """Inside, SIGHUP runs `reload`. But if the terminal is gone that we were started in, it is its end, and ours."""
    loop = asyncio.get_running_loop()
    had_terminal = has_terminal()
    running: set[asyncio.Task[None]] = set()

    def receive() -> None:
        if had_terminal and not has_terminal():
            stop.receive(signal.SIGHUP)
            return
        task = asyncio.create_task(_run(reload))
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, receive)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came during the start is taken now
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in running:
            task.cancel()


async def _run(reload: Callable[[], Coroutine[object, object, object]]) -> None:
    try:
        await reload()
    except LsrvError:
        pass  # `reload` has logged it
    except Exception:  # noqa: BLE001  # a reload that fails must not end a server
        _log.exception("reloading the config failed in an unforeseen way")
