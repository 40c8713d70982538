"""Asks shadows for copies of answered requests, one at a time, while the machine is idle.

1. A copy begins to wait when its original's answer is with the client. If too many wait, the oldest are dropped.
2. It is sent while no request waits or runs, no model is on its way, and its model is loaded or fits beside the others.
3. It is given up as soon as a request comes, and waits again. A copy that went to an upstream is not sent twice.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Iterable

from msgspec.structs import replace

from lsrv.config import Settings
from lsrv.errors import LsrvError
from lsrv.model_id import ModelId
from lsrv.protocol.events import Finished
from lsrv.registry import Registry, Target, Turn
from lsrv.serving.choice_streams import ChoiceStreams
from lsrv.serving.entry_request import entry_request
from lsrv.serving.shadow.copies import Copy, Original, Shadow, WaitingCopies
from lsrv.serving.shadow.tally import Heard, ShadowView, Tally
from lsrv.serving.shadow.transcript import Transcript, calls_in, texts_in
from lsrv.serving.usage import total_usage

_log = logging.getLogger(__name__)


class Shadows:
    """All shadows of one server."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._seed: int | None = None
        self._tallies: dict[Shadow, Tally] = {}
        self._waiting = WaitingCopies()
        self._has_news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        registry.idle_work.watch(self._has_news.set)

    def configure(self, settings: Settings) -> None:
        """Go by other settings: what is known of shadows that are gone is forgotten."""
        self._seed = settings.global_.seed
        shadows = [Shadow(route.model_id, model) for route in settings.routes for model in route.shadow]
        self._tallies = {shadow: self._tallies.get(shadow, Tally()) for shadow in shadows}
        self._waiting.keep(self._tallies.keys())

    def offer(self, shadows: Iterable[tuple[str, str]], original: Original) -> None:
        """Have `shadows` (ids of routes, and models of theirs) asked for a copy of `original`; returns at once."""
        for shadow in itertools.starmap(Shadow, shadows):
            if shadow in self._tallies:
                for dropped in self._waiting.add(Copy(shadow, original)):
                    self._tallies[dropped.shadow].n_dropped += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        self._has_news.set()

    def views(self, route_id: str) -> list[ShadowView]:
        """The shadows of a route, in config order."""
        return [
            tally.view(shadow.model, self._waiting.count(shadow))
            for shadow, tally in self.tallies()
            if shadow.route_id == route_id
        ]

    def tallies(self) -> Iterable[tuple[Shadow, Tally]]:
        """What became of the copies for each shadow, in config order."""
        return self._tallies.items()

    async def close(self) -> None:
        """Give up what runs and what waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            for copy in self._waiting.oldest():
                if await self._attend(copy):
                    self._has_news.set()  # look again, in order of arrival
                    break

    async def _attend(self, copy: Copy) -> bool:
        """Send a copy if that may be. Whether it is done with."""
        went_away = False

        async def ask() -> Heard | None:
            nonlocal went_away
            target = self._registry.names.target(copy.shadow.model)
            if not await self._has_room(target.model_id):
                return None
            went_away = self._registry.sends_away(target.model_id)
            return await self._ask(copy, target)

        try:
            heard = await self._registry.idle_work.run(ask)
        except LsrvError as error:
            return self._end(copy, error.message)
        except Exception as error:  # noqa: BLE001  # the next copies must have their turn
            _log.exception("a shadow copy failed", extra={"request_id": copy.original.request_id})
            return self._end(copy, f"an internal error: {type(error).__name__}")
        if heard is not None:
            return self._end(copy, heard)
        return went_away and self._end(copy, None)

    def _end(self, copy: Copy, outcome: Heard | str | None) -> bool:
        """Count how a copy ended: with an answer, a reason why there is none, or (None) given up for good."""
        tally = self._tallies.get(copy.shadow)
        if not self._waiting.remove(copy) or tally is None:
            return True  # dropped, and counted so, while it was under way
        if isinstance(outcome, Heard):
            tally.hear(copy.original.request_id, copy.original.texts, outcome)
        elif outcome is not None:
            tally.fail(outcome)
        else:
            tally.n_dropped += 1
        return True

    async def _has_room(self, model_id: ModelId) -> bool:
        registry = self._registry
        return registry.sends_away(model_id) or await registry.plans.has_room(model_id)

    async def _ask(self, copy: Copy, target: Target) -> Heard:
        """The answer to `copy`. It streams, so that the first text has a time. Raises the LsrvError that ended it."""
        registry, request = self._registry, copy.original.parse(copy.original.raw)
        asked = entry_request(registry, request, target, Turn(is_copy=True), self._seed)
        async with registry.acquire(asked.model_id, asked.turn) as lease:
            commands = [
                # what the copy itself has left in the prefix cache would make its prompt look quick
                replace(each, is_streaming=True, is_copy=True, cache_prompt=each.cache_prompt and not copy.was_begun)
                for each in asked.commands(lease.settings)
            ]
            copy.was_begun = True
            began_s = time.perf_counter()
            async with ChoiceStreams(lease, commands) as events:
                return await _heard(events, len(commands), request.n_choices, began_s)


async def _heard(events: ChoiceStreams, n_open: int, n_choices: int, began_s: float) -> Heard:
    """The whole answer, whose `n_open` choices end one by one."""
    transcript, first_s, ends = Transcript(), None, dict[int, Finished]()
    while len(ends) < n_open:
        batch = await events.next_batch()
        texts = texts_in(batch)
        if texts and first_s is None:
            first_s = time.perf_counter()
        transcript.add(texts, calls_in(batch))
        ends |= {choice: event for choice, event in batch if isinstance(event, Finished)}
    ended_s = time.perf_counter()
    return Heard(
        texts=transcript.texts,
        ttft_s=(first_s or ended_s) - began_s,
        total_s=ended_s - began_s,
        usage=total_usage([ends[choice] for choice in range(n_open)], n_choices),
    )
