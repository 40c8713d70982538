"""What a worker says of itself, requests apart, and what its parent waits for: ready, planned, loaded, unloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lsrv.protocol.events import Event, Heartbeat, Loaded, LoadFailed, PlanFailed, Planned, Progress, Ready, Unloaded

_Event = TypeVar("_Event")


class Milestones:
    """A future for each, of the present model or of the next one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Ready] = self._loop.create_future()
        self.planned: asyncio.Future[Planned | PlanFailed] = self._loop.create_future()
        self.loaded: asyncio.Future[Loaded | LoadFailed] = self._loop.create_future()
        self.unloaded: asyncio.Future[Unloaded] = self._loop.create_future()
        self.on_progress: Callable[[Progress], None] | None = None
        self.heartbeat: Heartbeat | None = None  # the latest one

    @property
    def is_loaded(self) -> bool:
        return self.loaded.done() and isinstance(self.loaded.result(), Loaded)

    def expect_plan(self) -> asyncio.Future[Planned | PlanFailed]:
        """A future for the answer to the `Plan` that is sent next."""
        self.planned = self._loop.create_future()
        return self.planned

    def forget_model(self) -> None:
        """The worker is without a model again."""
        self.loaded = self._loop.create_future()
        self.unloaded = self._loop.create_future()
        self.on_progress = None
        self.heartbeat = None

    def take(self, event: Event) -> bool:
        """Whether `event` was one of these."""
        match event:
            case Heartbeat():
                self.heartbeat = event
            case Progress():
                if self.on_progress is not None:
                    self.on_progress(event)
            case Ready():
                _settle(self.ready, event)
            case Planned() | PlanFailed():
                _settle(self.planned, event)
            case Loaded() | LoadFailed():
                _settle(self.loaded, event)
            case Unloaded():
                _settle(self.unloaded, event)
            case _:
                return False
        return True


def _settle(future: asyncio.Future[_Event], event: _Event) -> None:
    if not future.done():
        future.set_result(event)
