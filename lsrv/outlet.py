"""What a process tells people (log lines, bars, a banner), written by a thread of its own.

A pipe that nobody reads or a terminal stopped by Ctrl-S keeps the thread, and nobody else.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial

_MAX_WAITING = 10_000

Writing = Callable[[], None]


class Outlet:
    """Does jobs that write, one after another. `on_lost` is one of them: it tells how many were given up meanwhile."""

    def __init__(self, on_lost: Callable[[int], None], n_waiting: int = _MAX_WAITING) -> None:
        self._on_lost = on_lost
        self._jobs: queue.Queue[Writing | None] = queue.Queue(n_waiting)
        self._lock = threading.Lock()
        self._n_lost = 0
        self._thread = threading.Thread(target=self._run, name="lsrv-outlet", daemon=True)
        self._thread.start()

    def put(self, job: Writing) -> None:
        """Have `job` done soon, or never if too many wait already. Returns at once. Any thread."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            with self._lock:
                self._n_lost += 1

    def close(self, timeout_s: float) -> bool:
        """Do what waits, and end. False if that took longer: the thread then hangs in a write. Idempotent."""
        with contextlib.suppress(queue.Full):
            self._jobs.put(None, timeout=timeout_s)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            _do(job)
            if n_lost := self._taken_losses():
                _do(partial(self._on_lost, n_lost))

    def _taken_losses(self) -> int:
        with self._lock:
            n_lost, self._n_lost = self._n_lost, 0
        return n_lost


def _do(job: Writing) -> None:
    """A reader that is gone, or a full disk, is no reason to stop; anything else is a bug, and told."""
    try:
        job()
    except (OSError, ValueError):
        pass
    except Exception:  # noqa: BLE001  # one job must not end the others
        with contextlib.suppress(OSError, ValueError):
            traceback.print_exc(file=sys.stderr)
