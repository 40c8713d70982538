"""Where the events of one generation come from: the response cache, a computation shared with equal requests, a lease.

1. Who may use the cache: entries that ask for it, and requests that get the same answer again and don't refuse it.
2. The key: whatever the answer depends on (`response_cache.key`). What can't be told is not cached.
3. A kept answer is a source by itself: it loads nothing and waits for nobody.
4. Else equal requests share one computation. Its answer is kept if all it depends on is still what the key says.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol

from lsrv.protocol.commands import Generate
from lsrv.protocol.events import ChoiceEvent, Finished
from lsrv.registry import Registry
from lsrv.response_cache import Flight, ResponseCache, Subject, is_keepable, is_repeatable, key_of, whole_answer
from lsrv.serving.choice_streams import ChoiceStreams
from lsrv.serving.entry_request import EntryRequest

CacheUse = Literal["read", "renew", "off"]  # renew: compute anew, and keep that


class EventSource(Protocol):
    """Batches of events until every choice has finished."""

    async def next_batch(self) -> list[ChoiceEvent]:
        """The next events, at least one. Raises the LsrvError that ended the request."""
        ...

    async def ends(self) -> list[Finished]:
        """How every choice ended, with all of its text; instead of batches, of a request that does not stream."""
        ...

    def end_thoughts(self) -> bool:
        """Let the model think no longer; whether it could be told."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A source, which is entered once the model has a place, if it needs one.

    `is_hit`: nothing is computed for this request alone; None: the cache has no part in it.
    """

    source: AbstractAsyncContextManager[EventSource]
    is_hit: bool | None = None


async def find_source(registry: Registry, cache: ResponseCache, asked: EntryRequest, use: CacheUse) -> Found:
    """The source for one request."""
    model_id, priority = asked.model_id, asked.turn.priority
    settings = registry.settings_of(model_id)
    if use == "off" or not settings.response_cache or not is_repeatable(commands := asked.commands(settings)):
        return Found(_leased(registry, asked))
    question = _Question(registry, cache, asked, commands)
    subject = await question.subject()
    if subject is None:
        return Found(_leased(registry, asked))
    key = key_of(subject, commands)
    if use == "read":
        if (ends := await cache.get(model_id, key)) is not None:
            return Found(_KeptAnswer(ends), is_hit=True)
        if (flight := cache.flights.get(key, priority)) is not None:
            cache.count("shared", model_id)
            return Found(flight.reader(), is_hit=True)
    cache.count("miss", model_id)
    keep = partial(question.keep, subject, key)
    return Found(cache.flights.start(key, question.compute, keep, priority).reader(), is_hit=False)


@dataclass(frozen=True, slots=True)
class _Question:
    """One request, and what becomes of it without a kept answer."""

    registry: Registry
    cache: ResponseCache
    asked: EntryRequest
    commands: Sequence[Generate]

    async def subject(self) -> Subject | None:
        """Who answers now; None if that can't be told."""
        model_id, adapters = self.asked.model_id, self.asked.adapters
        identity = await self.registry.identity(model_id)
        if identity is None:
            return None
        generations = {adapter.name: adapter.generation for adapter in self.registry.adapters.of(model_id)}
        digests = [identity.adapters.get(generations.get(adapter.name, "")) for adapter in adapters]
        known = tuple(digest for digest in digests if digest is not None)
        has_template = any(command.messages is not None for command in self.commands)
        formats = identity.date_formats if has_template else ()
        if len(known) < len(digests) or formats is None:
            return None
        now = datetime.now()
        return Subject(model_id, identity.weights, known, tuple(now.strftime(each) for each in formats))

    async def compute(self, flight: Flight) -> None:
        """Hand the events on. The lease is given back before the last ones: who has them is over here, too."""
        n_open = len(self.commands)
        async with _leased(self.registry, self.asked, self.commands) as choices:
            flight.leased()
            if not self.commands[0].is_streaming:
                batch: list[ChoiceEvent] = list(enumerate(await choices.ends()))
            else:
                while n_open > _n_ends(batch := await choices.next_batch()):
                    n_open -= _n_ends(batch)
                    flight.add(batch)
        flight.add(batch)

    async def keep(self, subject: Subject, key: str, events: Sequence[ChoiceEvent]) -> None:
        """Keep the answer in `events` if `subject` is who gave it."""
        ends = whole_answer(events)
        if is_keepable(self.commands, ends) and await self.subject() == subject:
            await self.cache.put(self.asked.model_id, key, ends)


@contextlib.asynccontextmanager
async def _leased(
    registry: Registry, asked: EntryRequest, commands: Sequence[Generate] | None = None
) -> AsyncGenerator[ChoiceStreams]:
    """The events as the model makes them; `commands`: those that an answer is kept for."""
    async with (
        registry.acquire(asked.model_id, asked.turn) as lease,
        ChoiceStreams(lease, commands or asked.commands(lease.settings)) as choices,
    ):
        yield choices


def _n_ends(events: Sequence[ChoiceEvent]) -> int:
    return sum(isinstance(event, Finished) for _, event in events)


class _KeptAnswer:
    """An answer that was given before. All of it comes at once."""

    def __init__(self, ends: list[Finished]) -> None:
        self._ends = ends

    async def __aenter__(self) -> _KeptAnswer:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def next_batch(self) -> list[ChoiceEvent]:
        return list(enumerate(self._ends))

    async def ends(self) -> list[Finished]:
        return self._ends

    def end_thoughts(self) -> bool:
        return False
