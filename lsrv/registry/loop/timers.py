"""Wakes entries at their deadlines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import Happening, Ticked


class Timers:
    """One timer per entry, at the deadline of its state: `post` then hands it a Ticked, in the event loop."""

    def __init__(self, post: Callable[[Entry, Happening], None]) -> None:
        self._post = post
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def set(self, entry: Entry) -> None:
        """See to the entry's deadline as it is now. A timer that is early is left alone: it finds nothing to do."""
        deadline_s = entry.state.deadline_s()
        timer = self._timers.get(entry.settings.model_id)
        if math.isinf(deadline_s) or (timer is not None and timer.when() <= deadline_s):
            return
        self.cancel(entry)
        loop = asyncio.get_running_loop()
        self._timers[entry.settings.model_id] = loop.call_at(deadline_s, self._fire, entry)

    def cancel(self, entry: Entry) -> None:
        timer = self._timers.pop(entry.settings.model_id, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def _fire(self, entry: Entry) -> None:
        del self._timers[entry.settings.model_id]
        self._post(entry, Ticked())
