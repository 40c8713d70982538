"""Vectors on their way to a client, in whatever words: a place at the model, counts, and bodies that take a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from lsrv.api.http.request_record import RequestRecord
from lsrv.api.state import ServerState
from lsrv.model_id import ModelId
from lsrv.protocol.commands import Embed
from lsrv.protocol.events import Embedded
from lsrv.registry import Turn
from lsrv.serving.kept_pieces import PieceCache, embed
from lsrv.serving.sources import CacheUse

_MANY_VECTORS = 32  # from here on the body is built in a thread, so that streams go on meanwhile


@dataclass(frozen=True, slots=True)
class LeasedVectors:
    """`listed_id`: whose they are; `lease_wait_s`: until there was a place at that model."""

    embedded: Embedded
    listed_id: str
    lease_wait_s: float


async def vectors_of(
    server: ServerState,
    record: RequestRecord,
    model_id: ModelId,
    command: Embed,
    turn: Turn,
    use: CacheUse = "off",
) -> LeasedVectors:
    """What `command` asks for; `use`: what the response cache may do."""
    lease_wait_s = 0.0
    listed_id = server.registry.settings_of(model_id).listed_id  # before the entry may be removed

    async def compute(command: Embed) -> Embedded:
        nonlocal lease_wait_s
        async with server.registry.acquire(model_id, turn) as lease:
            lease_wait_s = time.perf_counter() - record.arrived_at
            embedded = await lease.embed(command)
        server.metrics.of(model_id).count_prompt(embedded.n_prompt_tokens)
        return embedded

    pieces = PieceCache(server.registry, server.responses, model_id, use)
    embedded, record.is_cache_hit = await embed(pieces, command, compute)
    record.n_prompt_tokens = embedded.n_prompt_tokens
    return LeasedVectors(embedded, listed_id, lease_wait_s)


async def built(build: Callable[[], bytes], n_vectors: int) -> bytes:
    """The body of so many vectors."""
    return build() if n_vectors < _MANY_VECTORS else await asyncio.to_thread(build)
