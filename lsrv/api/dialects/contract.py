"""What a dialect is: a function from a body to a `GenerationRequest`, and a `Reply` from events to bytes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from lsrv.api.dialects.fields.adapters import AdapterStack
from lsrv.api.dialects.fields.priority import Urgency
from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Delta, Finished


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
    """What an answer says of itself. `created` in Unix time; `is_cached`: nothing is computed for it alone.

    `service_tier`: OpenAI's word for the priority that the request had, where its answer says that.
    """

    model_id: str
    created: int
    is_cached: bool = False
    service_tier: str | None = None


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One client call in internal terms: a command per choice, and how to write what comes back."""

    model: str | None
    commands: list[Generate]
    n_choices: int  # per prompt; commands[i] is choice i % n_choices of prompt i // n_choices
    is_streaming: bool
    adapters: AdapterStack = AdapterStack()
    uses_response_cache: bool = True
    keep_alive_s: float | None = None  # None: as the settings say
    urgency: Urgency = Urgency()
    make_reply: Callable[[Heading], Reply]


def sse(payload: bytes) -> bytes:
    """One server-sent event; `payload` holds no newline."""
    return b"data: %b\n\n" % payload


DONE = sse(b"[DONE]")
