"""What a dialect is: how clients of one API ask for text, and how they want to read it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from lsrv.api.http.errors import OPENAI_ERRORS, ErrorShape
from lsrv.api.http.framing import SERVER_SENT_EVENTS, Framing, sse
from lsrv.errors import LsrvError
from lsrv.protocol.events import Delta, Finished
from lsrv.serving.request import GenerationRequest


class Reply(Protocol):
    """Writes one answer in a dialect's words. `index` is the choice an event belongs to.

    A stream is `head()`, any number of `delta()`, one `finish()` per choice, `tail()`; each gives complete events in
    the dialect's framing. `body()` is the answer of a request that does not stream.
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
    lease_wait_s: float = 0.0  # until its model was loaded and had a place for it
    notes: tuple[str, ...] = ()  # what was asked for and has no effect
    n_prompt_tokens: int = 0  # as far as it is known when a stream begins; 0: not yet


class DialectRequest(GenerationRequest, frozen=True, kw_only=True):
    """A request that says how its client wants to read what comes back.

    `notes`: what it asks for and does not get, in words; the log has each once, and the reply is told of them.
    `before_end`: what is to be done with an answer before its client hears that it is over.
    """

    make_reply: Callable[[Heading], Reply]
    notes: tuple[str, ...] = ()
    before_end: Callable[[Sequence[Finished]], Awaitable[None]] | None = None
    control_id: str = ""  # by which clients may act on the answer while it is written
    n_ctx_wanted: int | None = None  # a context is as long as the settings say; if that is shorter, it is noted


class Head(msgspec.Struct, frozen=True):
    """What has to be known of a body before it is known who answers it."""

    model: str | None
    is_streaming: bool
    sticky_key: str | None  # requests with the same one go to the same model of a route
    wants_server_tools: bool = False  # beyond what another server in its place could do
    other_spellings: tuple[str, ...] = ()  # of `model`, in this API: the first one that is known counts

    @property
    def spellings(self) -> tuple[str | None, ...]:
        """All of them, the one that was sent first."""
        return (self.model, *self.other_spellings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One kind of body. A new one is a room beside this file that makes such a value, and a route that delivers by it.

    `read_head` and `parse` raise RequestError. `relay_path` is where another server that speaks this dialect takes
    the body as it is, below its base_url; None: nowhere.
    """

    read_head: Callable[[bytes], Head]
    parse: Callable[[bytes], DialectRequest]
    error_event: Callable[[LsrvError], bytes]  # the last event of a stream that has begun
    errors: ErrorShape = OPENAI_ERRORS  # until a stream has begun; its routes have the same
    framing: Framing = SERVER_SENT_EVENTS
    relay_path: str | None = None


DONE = sse(b"[DONE]")
