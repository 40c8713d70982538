"""Several streams of one request read as one: batches of (choice, event)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from lsrv.protocol.commands import Generate
from lsrv.protocol.events import ChoiceEvent, Finished, StreamEvent
from lsrv.registry import Lease


class ChoiceStreams:
    """Starts every command on the lease, whose end aborts those that have not ended."""

    def __init__(self, lease: Lease, commands: Sequence[Generate]) -> None:
        self._streams = [lease.generate(command) for command in commands]
        self._has_begun = False
        self._waiting: dict[asyncio.Task[list[StreamEvent]], int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._waiting:
            task.cancel()
        if self._waiting:
            await asyncio.wait(self._waiting)

    async def next_batch(self) -> list[ChoiceEvent]:
        """All that is queued, waiting for at least one event. Not to be called when every choice has finished.

        Raises the LsrvError of the first choice that failed.
        """
        if len(self._streams) == 1:
            return [(0, event) for event in await self._streams[0].next_batch()]
        if not self._has_begun:
            self._has_begun = True
            for index in range(len(self._streams)):
                self._wait_for(index)
        done, _ = await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
        batch: list[ChoiceEvent] = []
        for task in done:
            index = self._waiting.pop(task)
            events = task.result()
            batch += [(index, event) for event in events]
            if not any(isinstance(event, Finished) for event in events):
                self._wait_for(index)
        return batch

    async def ends(self) -> list[Finished]:
        """How every choice ended, with all of its text: for commands that do not stream."""
        return [await stream.finished() for stream in self._streams]

    def end_thoughts(self) -> bool:
        """Let the model think no longer in any choice; whether one could be told."""
        told = [stream.end_thoughts() for stream in self._streams]
        return any(told)

    def _wait_for(self, index: int) -> None:
        self._waiting[asyncio.create_task(self._streams[index].next_batch())] = index
