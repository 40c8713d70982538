"""When nobody needs the machine, and work for such times: it is given up as soon as somebody comes.

Whoever has just been answered often asks again at once, as agents do: after every disturbance it must be quiet for a
moment first, or such work would begin and end in their way all the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TypeVar

from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.state import Phase
from lsrv.registry.upstream.upstreams import Upstreams

_SETTLED = (Phase.UNLOADED, Phase.LOADED, Phase.ERROR)

_QUIET_S = 0.5

T = TypeVar("T")


class IdleWork:
    """Owned by the event loop, like the registry whose part it is. `has_news`: something has happened and waits."""

    def __init__(self, entries: Iterable[Entry], upstreams: Upstreams, has_news: Callable[[], bool]) -> None:
        self._entries = entries
        self._upstreams = upstreams
        self._has_news = has_news
        self._watchers: list[Callable[[], None]] = []
        self._guest: asyncio.Task[object] | None = None
        self._is_quiet = False  # for long enough, since somebody came
        self._is_over = False

    @property
    def is_idle(self) -> bool:
        """Whether no request waits or runs, here or at an upstream."""
        return not self._has_news() and all(each.state.is_idle for each in self._entries) and self._upstreams.are_idle

    @property
    def is_now(self) -> bool:
        """Whether it is idle, and no model is being loaded or unloaded."""
        return not self._is_over and self.is_idle and all(each.state.phase in _SETTLED for each in self._entries)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have `watcher` called whenever it may have become calm; it must not block."""
        self._watchers.append(watcher)

    def note(self) -> None:
        """Something has happened."""
        for watcher in self._watchers:
            watcher()

    async def run(self, work: Callable[[], Coroutine[object, object, T]]) -> T | None:
        """What `work` gives if it is calm now; None if it is not, or if somebody came, by whom `work` was cancelled.

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
        """Somebody comes."""
        self._is_quiet = False
        if self._guest is not None:
            self._guest.cancel()

    def end(self) -> None:
        """It will not be calm again."""
        self._is_over = True
        self.disturb()
