"""What a dialect is: a function from a body to a `DialectRequest`, and a `Reply` from events to bytes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from lsrv.api.http.event import sse
from lsrv.protocol.events import Delta, Finished
from lsrv.serving.request import GenerationRequest


class Reply(Protocol):
    """Writes one answer in a dialect's words. `index` is the choice an event belongs to.

    A stream is `head()`, any number of `delta()`, one `finish()` per choice, `tail()`; each gives complete SSE
    events. `body()` is the answer of a request that does not stream.
    """

    def head(self) -> bytes: ...
    def delta(self, index: int, delta: Delta) -> bytes: ...
    def finish(self, index: int, finished: Finished) -> bytes: ...
    def tail(self, finished: Sequence[Finished]) -> bytes: ...
    def body(self, finished: Sequence[Finished]) -> bytes: ...


class Heading(msgspec.Struct, frozen=True):
    """What an answer says of itself. `created` in Unix time; `is_cached`: nothing is computed for it alone."""

    model_id: str
    created: int
    is_cached: bool = False
    priority: int = 0  # that the request had


class DialectRequest(GenerationRequest, frozen=True, kw_only=True):
    """A request that says how its client wants to read what comes back."""

    make_reply: Callable[[Heading], Reply]


DONE = sse(b"[DONE]")
