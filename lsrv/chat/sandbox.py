"""A time and memory limit around code we did not write. Main thread only: the clock is a signal."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


@contextmanager
def limited(timeout_s: float, extra_bytes: int) -> Generator[None]:
    """Raise TimeoutError after `timeout_s`, MemoryError above `extra_bytes` more than now (Linux).

    Raises ValueError off the main thread.
    """
    previous = signal.signal(signal.SIGALRM, _on_alarm)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        with _memory_limit(extra_bytes):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _on_alarm(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


@contextmanager
def _memory_limit(extra_bytes: int) -> Generator[None]:
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]  # ours must not exceed the machine's
    resource.setrlimit(resource.RLIMIT_AS, (min([_address_space_bytes() + extra_bytes, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space_bytes() -> int:
    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    return n_pages * resource.getpagesize()
