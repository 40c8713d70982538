"""News that something was dealt with: nothing may be left to do, so whoever waits for that looks."""

from __future__ import annotations

from collections.abc import Callable


class RestNews:
    """Calls its watchers; they must not block."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[], None]] = []

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have `watcher` called from now on."""
        self._watchers.append(watcher)

    def tell(self) -> None:
        """A request has left, or a happening was dealt with."""
        for watcher in self._watchers:
            watcher()
