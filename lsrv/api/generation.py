"""Answers one generation request with a model's own events: lease, streams, reply, metrics.

Every batch of events becomes one write. The lease is given back before the last bytes are returned.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from lsrv.api.account import Account
from lsrv.api.adapters import choices
from lsrv.api.choices import ChoiceEvent, Choices
from lsrv.api.defaults import fill_defaults
from lsrv.api.dialect import GenerationRequest, Reply
from lsrv.api.note import RequestNote
from lsrv.api.progress import Progress
from lsrv.api.state import ServerState
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Delta, Finished
from lsrv.registry import Lease, Target


class Generation:
    """The answer of `target` to one generation request. Raises RequestError for adapters it does not offer."""

    def __init__(self, state: ServerState, request: GenerationRequest, target: Target, note: RequestNote) -> None:
        self._state = state
        self._request = request
        self._target = target
        self._adapters = choices(request.adapters, target.adapter, state.registry.adapters.of(target.model_id))
        self._account = Account(state.metrics.of(target.model_id), note)

    async def body(self) -> bytes:
        """The whole answer."""
        progress = Progress(self._request, self._account)
        async with self._state.registry.acquire(self._target.model_id) as lease:
            self._account.leased()
            streams = [lease.generate(command) for command in self._commands(lease)]
            ends = [await stream.finished() for stream in streams]
            progress.finish(ends)
            return self._reply(lease).body(ends)

    async def stream(self, write: Callable[[bytes], Awaitable[None]]) -> bytes:
        """Writes all events but the last batch, and returns that."""
        progress = Progress(self._request, self._account)
        async with (
            self._state.registry.acquire(self._target.model_id) as lease,
            Choices(lease, self._commands(lease)) as choices,
        ):
            self._account.leased()
            reply = self._reply(lease)
            unsent = reply.head()
            while True:
                batch = await choices.next_batch()
                progress.take(batch)
                data = _written(reply, batch)
                if progress.is_complete:
                    return unsent + data + reply.tail(progress.ends)
                if data:
                    await write(unsent + data)
                    unsent = b""

    def comment(self) -> str:
        """How far the load is that the client waits for."""
        progress = self._state.registry.view(self._target.model_id).progress
        if progress is None:
            return "waiting"
        return f"loading {progress.stage} {progress.fraction * 100:.0f} %"

    def _commands(self, lease: Lease) -> list[Generate]:
        defaults, seed = lease.settings.defaults, self._state.settings.global_.seed
        n_choices = self._request.n_choices
        return [
            replace(fill_defaults(command, defaults, seed=seed, choice=i % n_choices), adapters=self._adapters)
            for i, command in enumerate(self._request.commands)
        ]

    def _reply(self, lease: Lease) -> Reply:
        adapter = self._target.adapter
        model_id = lease.listed_id if adapter is None else f"{lease.listed_id}:{adapter}"
        return self._request.make_reply(model_id, int(time.time()))


def _written(reply: Reply, batch: list[ChoiceEvent]) -> bytes:
    parts: list[bytes] = []
    for index, event in batch:
        if isinstance(event, Delta):
            parts.append(reply.delta(index, event))
        elif isinstance(event, Finished):
            parts.append(reply.finish(index, event))
    return b"".join(parts)
