"""Runs one generation request: lease, streams, reply, metrics. An ASGI app, so that a token crosses no other layer.

1. The lease: the model is loaded if need be, and a place waited for.
2. Nothing is sent before the first text, so that an error has its own status. After two seconds of silence a stream
   begins with comments; from then on an error becomes its last event.
3. Every batch of events becomes one write.
4. The lease is given back before the last bytes go out: what a client has read is over here, too.
"""

from __future__ import annotations

import logging
import time

from litestar.types import Receive, Scope, Send
from msgspec.structs import replace

from lsrv.api.adapters import choices
from lsrv.api.choices import ChoiceEvent, Choices
from lsrv.api.defaults import fill_defaults
from lsrv.api.dialect import GenerationRequest, Reply
from lsrv.api.errors import ClientGoneError, status_of
from lsrv.api.note import RequestNote, note_of
from lsrv.api.progress import Progress
from lsrv.api.receive import until_disconnect
from lsrv.api.respond import send_json
from lsrv.api.sse import EventStream
from lsrv.api.state import ServerState
from lsrv.errors import LsrvError
from lsrv.protocol.commands import AdapterChoice, Generate
from lsrv.protocol.events import Delta, Finished
from lsrv.registry import Lease

_log = logging.getLogger(__name__)


class Generation:
    """The answer to one generation request."""

    def __init__(self, state: ServerState, request: GenerationRequest) -> None:
        self._state = state
        self._request = request
        self._adapter: str | None = None  # named with the model
        self._adapters: list[AdapterChoice] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        note = note_of(scope)
        self._choose(note)
        if self._request.is_streaming:
            await self._stream_until_disconnect(note, receive, EventStream(send))
        else:
            await send_json(send, await until_disconnect(receive, self._body(note)))

    def _choose(self, note: RequestNote) -> None:
        """Which entry answers, and with which adapters: a name that is not there is told before any wait."""
        registry = self._state.registry
        target = registry.target(self._request.model)
        note.model_id = target.model_id
        self._adapter = target.adapter
        self._adapters = choices(self._request.adapters, target.adapter, registry.adapters.of(target.model_id))

    async def _body(self, note: RequestNote) -> bytes:
        progress = self._progress(note)
        async with self._state.registry.acquire(note.model_id) as lease:
            progress.leased()
            streams = [lease.generate(command) for command in self._commands(lease)]
            ends = [await stream.finished() for stream in streams]
            progress.finish(ends)
            return self._reply(lease).body(ends)

    async def _stream_until_disconnect(self, note: RequestNote, receive: Receive, stream: EventStream) -> None:
        try:
            await until_disconnect(receive, self._stream(note, stream))
        except ClientGoneError as error:
            if not stream.has_started:
                raise
            note.status, note.error_code = status_of(error), error.code  # 200 was sent, but it isn't what became of it

    async def _stream(self, note: RequestNote, stream: EventStream) -> None:
        try:
            last = await self._all_but_last(stream, self._progress(note))
        except LsrvError as error:
            if not stream.has_started:
                raise
            note.error_code = error.code
            await stream.end_with_error(error)
        except Exception:
            if not stream.has_started:
                raise
            _log.exception("request failed", extra={"request_id": note.request_id, "model_id": note.model_id})
            note.error_code = LsrvError.code
            await stream.end_with_error(LsrvError("An internal error ended this answer; the server's log says more."))
        else:
            await stream.end(last)

    async def _all_but_last(self, stream: EventStream, progress: Progress) -> bytes:
        """Writes all events but the last batch, and returns that."""
        model_id = progress.model_id
        async with (
            stream.comments(lambda: self._comment(model_id)) as comments,
            self._state.registry.acquire(model_id) as lease,
            Choices(lease, self._commands(lease)) as choices,
        ):
            progress.leased()
            reply = self._reply(lease)
            unsent = reply.head()
            while True:
                batch = await choices.next_batch()
                progress.take(batch)
                data = _written(reply, batch)
                if progress.is_complete:
                    return unsent + data + reply.tail(progress.ends)
                if data:
                    comments.cancel()
                    await stream.write(unsent + data)
                    unsent = b""

    def _progress(self, note: RequestNote) -> Progress:
        return Progress(self._request, self._state.metrics.of(note.model_id), note)

    def _commands(self, lease: Lease) -> list[Generate]:
        defaults, seed = lease.settings.defaults, self._state.settings.global_.seed
        n_choices = self._request.n_choices
        return [
            replace(fill_defaults(command, defaults, seed=seed, choice=i % n_choices), adapters=self._adapters)
            for i, command in enumerate(self._request.commands)
        ]

    def _reply(self, lease: Lease) -> Reply:
        model_id = lease.listed_id if self._adapter is None else f"{lease.listed_id}:{self._adapter}"
        return self._request.make_reply(model_id, int(time.time()))

    def _comment(self, model_id: str) -> str:
        progress = self._state.registry.view(model_id).progress
        if progress is None:
            return "waiting"
        return f"loading {progress.stage} {progress.fraction * 100:.0f} %"


def _written(reply: Reply, batch: list[ChoiceEvent]) -> bytes:
    parts: list[bytes] = []
    for index, event in batch:
        if isinstance(event, Delta):
            parts.append(reply.delta(index, event))
        elif isinstance(event, Finished):
            parts.append(reply.finish(index, event))
    return b"".join(parts)
