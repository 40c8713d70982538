"""Streams that go on without their client, who may take them up again: llama-server's `X-Conversation-Id`.

An answer that failed before it began is told with its own status, and nothing of it stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from litestar.types import Scope

from lsrv.api.answers.delivery import Delivery
from lsrv.api.dialects.contract import Dialect
from lsrv.api.http.framing import SERVER_SENT_EVENTS, Framing
from lsrv.api.http.outliving import Following, OutlivingAnswer
from lsrv.api.state import ServerState
from lsrv.errors import RequestError

MAX_ID_CHARS = 512

# Comments are in what was sent already, and count as bytes: whoever follows gets no others.
_AS_SENT = Framing(SERVER_SENT_EVENTS.media_type)


def conversation_of(scope: Scope) -> str:
    """The id under which a client can come back; empty: it won't. Raises RequestError."""
    given = next((value for name, value in scope["headers"] if name == b"x-conversation-id"), b"")
    if len(given) > MAX_ID_CHARS:
        raise RequestError(f"X-Conversation-Id has more than {MAX_ID_CHARS} characters.", param="x-conversation-id")
    return given.decode("latin-1").strip()


async def resumable(state: ServerState, dialect: Dialect, scope: Scope, raw: bytes, conversation_id: str) -> Following:
    """An answer that runs by itself under an id, which it takes over from another; what tells its first client."""
    if (previous := state.streams.get(conversation_id)) is not None:
        state.streams.forget(conversation_id)
        await previous.cancel()
    answer = OutlivingAnswer(lambda: b"", b"")

    async def conclude() -> bytes:
        if answer.refusal and state.streams.get(conversation_id) is answer:
            state.streams.forget(conversation_id)
        return b""

    state.streams.start(conversation_id, answer, scope, lambda own: Delivery(state, dialect, own, raw), conclude)
    return taken_up(answer, 0)


def taken_up(answer: OutlivingAnswer, offset: int) -> Following:
    """What tells one client of a stream, from a byte on."""
    return Following(answer, _AS_SENT, _behind(offset))


def stream_of(conversation_id: str, answer: OutlivingAnswer) -> dict[str, object]:
    """How far a stream has come, in llama-server's words; times in Unix seconds, `completed_at` 0 while it runs."""
    now, clock = int(time.time()), time.monotonic()
    ended_at = answer.ended_at
    return {
        "conversation_id": conversation_id,
        "is_done": answer.is_over,
        "total_bytes": answer.n_bytes,
        "started_at": now - int(clock - answer.started_at),
        "completed_at": 0 if ended_at is None else now - int(clock - ended_at),
    }


def _behind(offset: int) -> Callable[[bytes], bytes]:
    """What of data that comes in pieces stands behind its first `offset` bytes."""
    n_left = offset

    def rest(data: bytes) -> bytes:
        nonlocal n_left
        n_cut, n_left = n_left, max(0, n_left - len(data))
        return data[n_cut:]

    return rest
