"""When silence means a hang: the deadlines of a worker, and the timer that enforces them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long a worker may take, in seconds."""

    start_s: float = 60.0  # until Ready: imports on a busy machine
    idle_s: float = 30.0  # silence of an idle worker, which owes a Heartbeat about every second
    step_s: float = 300.0  # silence while it loads or computes
    stop_s: float = 5.0  # after Stop, before SIGTERM
    term_s: float = 2.0  # after SIGTERM, before SIGKILL
    kill_s: float = 10.0  # after SIGKILL; a process in the hands of a driver may outlive even that
    linger_s: float = 1.0  # from one half of a death to the other: the process exits, its descriptors close


class Watchdog:
    """Calls `on_silence(limit_s)` once when `last_heard_s()` is older than `limit_s()` (None: any silence is fine).

    It takes two looks in a row: after a pause of this very process, the first look precedes the frames that piled up.
    """

    def __init__(
        self,
        last_heard_s: Callable[[], float],
        limit_s: Callable[[], float | None],
        on_silence: Callable[[float], None],
    ) -> None:
        self._last_heard_s = last_heard_s
        self._limit_s = limit_s
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, interval_s: float) -> None:
        """Look every `interval_s` from now on."""
        self.stop()
        self._timer = self._loop.call_later(interval_s, self._look, interval_s, False)

    def stop(self) -> None:
        """Stop looking. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, interval_s: float, was_overdue: bool) -> None:
        limit_s = self._limit_s()
        is_overdue = limit_s is not None and self._loop.time() - self._last_heard_s() > limit_s
        if limit_s is not None and is_overdue and was_overdue:
            self._timer = None
            self._on_silence(limit_s)
            return
        self._timer = self._loop.call_later(interval_s, self._look, interval_s, is_overdue)
