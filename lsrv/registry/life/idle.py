"""When nobody needs the machine, and work for such times: it is given up as soon as somebody comes.

Whoever has just been answered often asks again at once, as agents do: after every disturbance it must be quiet for a
moment first, or such work would begin and end in their way all the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from lsrv.registry.endpoints.endpoints import Endpoints
from lsrv.registry.life.settled import RestNews
from lsrv.registry.loop.inbox import Inbox

_QUIET_S = 0.5

T = TypeVar("T")


class IdleWork:
    """Owned by the event loop, like the registry whose part it is."""

    def __init__(self, endpoints: Endpoints, inbox: Inbox, rest: RestNews) -> None:
        self._endpoints = endpoints
        self._inbox = inbox
        self._rest = rest
        self._guest: asyncio.Task[object] | None = None
        self._is_quiet = False  # for long enough, since somebody came
        self._is_over = False

    @property
    def is_idle(self) -> bool:
        """Whether no request waits or runs, here or elsewhere, and all that has happened is dealt with."""
        return not self._inbox.has_news and self._endpoints.are_idle

    @property
    def is_now(self) -> bool:
        """Whether it is idle, and no model is being loaded or unloaded."""
        return not self._is_over and self.is_idle and self._endpoints.are_settled

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have `watcher` called whenever it may have become idle; it must not block."""
        self._rest.watch(watcher)

    async def run(self, work: Callable[[], Coroutine[object, object, T]]) -> T | None:
        """What `work` gives if it is idle now; None if it is not, or if somebody came, by whom `work` was cancelled.

        One at a time. Raises what `work` raises.
        """
        if self._guest is not None or not self.is_now:
            return None
        self._guest = guest = asyncio.create_task(self._after_a_moment(work))
        try:
            await asyncio.wait({guest})
            return None if guest.cancelled() else guest.result()
        finally:
            guest.cancel()
            self._guest = None

    async def _after_a_moment(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        if not self._is_quiet:
            await asyncio.sleep(_QUIET_S)
            self._is_quiet = True
        return await work()

    def disturb(self) -> None:
        """Give up idle work, for somebody comes."""
        self._is_quiet = False
        if self._guest is not None:
            self._guest.cancel()

    def end(self) -> None:
        """It will not be idle again."""
        self._is_over = True
        self.disturb()
