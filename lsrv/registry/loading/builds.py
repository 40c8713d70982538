"""Weights on their way: what an entry's load waits for before it needs a worker.

A load that nobody awaits is cancelled; a download or a quantization goes on, for somebody asked for it and it is paid
for: the next load finds it done.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from lsrv.config import ModelSettings
from lsrv.errors import QueueFullError
from lsrv.frontdoor import Weights, WeightsSpec
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress
from lsrv.registry.loading.weights import spec_of
from lsrv.threads import in_thread

_MAX_BUILDS = 64  # each has a thread: one that waits for a silent Hub holds up no other
_CLOSE_S = 5.0  # for threads to notice that nobody wants what they do

Prepare = Callable[[ModelSettings, OnBuildProgress, Cancel], Weights]  # blocks; runs in a thread


@dataclass
class _Build:
    """One entry's weights being found, fetched or made."""

    cancel: Cancel = field(default_factory=Cancel)
    watchers: list[OnBuildProgress] = field(default_factory=list[OnBuildProgress])
    task: asyncio.Future[Weights] | None = None

    def note(self, progress: BuildProgress) -> None:
        for watcher in self.watchers:
            watcher(progress)


class Builds:
    """Builds of weights, one of an entry at a time; everybody who asks shares it. Lives in one event loop."""

    def __init__(self, prepare: Prepare) -> None:
        self._prepare = prepare
        self._running: dict[WeightsSpec, _Build] = {}

    async def get(self, model: ModelSettings, on_progress: OnBuildProgress) -> Weights:
        """The weights of `model`. Cancelling gives up the wait, not the build. Raises BuildError."""
        build = self._running.get(spec_of(model)) or self._start(model)
        build.watchers.append(on_progress)
        assert build.task is not None
        try:
            return await asyncio.shield(build.task)
        finally:
            build.watchers.remove(on_progress)

    async def follow(self, model: ModelSettings) -> AsyncGenerator[BuildProgress]:
        """The steps of `get`, until the weights are there. Leaving gives up the wait, not the build."""
        steps: asyncio.Queue[BuildProgress | None] = asyncio.Queue()
        waiting = asyncio.create_task(self.get(model, steps.put_nowait))
        waiting.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield step
            await waiting
        finally:
            waiting.cancel()

    async def close(self) -> None:
        """Give up every build; what was downloaded is kept. A thread that hangs in a read is left to itself."""
        tasks = [build.task for build in self._running.values() if build.task is not None]
        for build in self._running.values():
            build.cancel.set()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_S)

    def _start(self, model: ModelSettings) -> _Build:
        if len(self._running) >= _MAX_BUILDS:
            raise QueueFullError(f"{_MAX_BUILDS} builds and downloads are under way; try again when some have ended.")
        spec = spec_of(model)
        build = self._running[spec] = _Build()
        loop = asyncio.get_running_loop()

        def on_progress(progress: BuildProgress) -> None:
            loop.call_soon_threadsafe(build.note, progress)

        build.task = in_thread(self._prepare, model, on_progress, build.cancel)
        build.task.add_done_callback(functools.partial(self._end, spec))
        return build

    def _end(self, spec: WeightsSpec, task: asyncio.Future[Weights]) -> None:
        del self._running[spec]
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it; whoever asks next looks again
