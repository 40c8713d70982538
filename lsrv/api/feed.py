"""What happens in a server, as it happens: one feed for everybody who watches, each with a bounded queue of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator

import msgspec

from lsrv.errors import ErrorInfo
from lsrv.registry import RegistryEvent

_MAX_QUEUED = 512  # events; a reader this far behind has stalled, and gets a new snapshot instead of them

_encode = msgspec.json.Encoder().encode


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry has another status. `reason`: why it was unloaded; `error`: what ended its load or its worker."""

    model_id: str
    status: str
    reason: str = ""
    error: ErrorInfo | None = None
    load_s: float | None = None


class ProgressEvent(msgspec.Struct, frozen=True, kw_only=True):
    """How far a load is; `fraction` of its stage."""

    model_id: str
    stage: str
    fraction: float
    what: str


class RequestStarted(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    model_id: str
    route: str


class RequestFinished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    request_id: str
    model_id: str
    route: str
    status: int
    seconds: float
    n_prompt_tokens: int | None = None
    n_completion_tokens: int | None = None
    error: str | None = None


class Dropped(msgspec.Struct, frozen=True):
    """The reader was too slow for `n_events`; a new snapshot follows."""

    n_events: int


FeedEvent = StatusEvent | ProgressEvent | RequestStarted | RequestFinished

_NAMES: dict[type[object], str] = {
    StatusEvent: "status",
    ProgressEvent: "progress",
    RequestStarted: "request_started",
    RequestFinished: "request_finished",
    Dropped: "dropped",
}


class Feed:
    """Hands every event to every reader. Lives in one event loop; without readers an event costs nothing."""

    def __init__(self, snapshot: Callable[[], object]) -> None:
        """`snapshot` is what a reader needs to know before the first event."""
        self._snapshot = snapshot
        self._readers: set[FeedReader] = set()
        self._is_closed = False

    def publish(self, event: FeedEvent) -> None:
        """Send an event to every reader."""
        if self._readers:
            data = _sse(_NAMES[type(event)], event)
            for reader in self._readers:
                reader.push(data)

    def publish_snapshot(self) -> None:
        """Tell everybody all that there is, after a change that events don't tell."""
        data = self._snapshot_data()
        for reader in self._readers:
            reader.push(data)

    def take(self, event: RegistryEvent) -> None:
        """The registry's events in the words of the feed."""
        if event.kind == "status" and event.status is not None:
            self.publish(
                StatusEvent(
                    model_id=event.listed_id,
                    status=event.status,
                    reason=event.reason,
                    error=event.error,
                    load_s=event.load_s,
                )
            )
        elif event.progress is not None:
            at = event.progress
            self.publish(ProgressEvent(model_id=event.listed_id, stage=at.stage, fraction=at.fraction, what=at.what))

    @contextlib.contextmanager
    def reader(self) -> Generator[FeedReader]:
        """A reader that begins with a snapshot."""
        reader = FeedReader(self._snapshot_data)
        if self._is_closed:
            reader.close()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """Let every reader come to its end."""
        self._is_closed = True
        for reader in self._readers:
            reader.close()

    def _snapshot_data(self) -> bytes:
        return _sse("snapshot", self._snapshot())


class FeedReader:
    """One reader's queue of server-sent events."""

    def __init__(self, snapshot_data: Callable[[], bytes]) -> None:
        self._snapshot_data = snapshot_data
        self._queue = [snapshot_data()]
        self._n_dropped = 0
        self._is_closed = False
        self._news = asyncio.Event()
        self._news.set()

    def push(self, data: bytes) -> None:
        """Queue an event; if the reader has stalled, forget all that waits for it."""
        if len(self._queue) >= _MAX_QUEUED:
            self._n_dropped += len(self._queue)
            self._queue.clear()
        self._queue.append(data)
        self._news.set()

    def close(self) -> None:
        self._is_closed = True
        self._news.set()

    async def next_batch(self) -> bytes:
        """All that is queued, at least one event; nothing at the end."""
        await self._news.wait()
        batch, self._queue = self._queue, []
        if self._n_dropped:
            batch = [_sse("dropped", Dropped(self._n_dropped + len(batch))), self._snapshot_data()]
            self._n_dropped = 0
        if not self._is_closed:
            self._news.clear()
        return b"".join(batch)


def _sse(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(data))
