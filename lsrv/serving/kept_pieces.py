"""Vectors and scores out of the response cache, or computed and kept: what comes in one piece.

Of an embedding request only the texts that were never embedded are computed. Equal requests at the same time are
computed each, for they share a batch anyway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from lsrv.errors import ModelNotFoundError
from lsrv.model_id import ModelId
from lsrv.protocol.commands import Embed
from lsrv.protocol.events import Embedded, Reranked
from lsrv.registry import Registry
from lsrv.response_cache import ResponseCache, Subject
from lsrv.response_cache.one_piece import (
    decode_ranking,
    decode_vectors,
    encode_ranking,
    encode_vectors,
    ranking_key,
    vector_keys,
    vectors_key,
)
from lsrv.serving.sources import CacheUse


@dataclass(frozen=True, slots=True)
class PieceCache:
    """What the response cache does for requests to one entry. `use`: what the request lets it do."""

    registry: Registry
    cache: ResponseCache
    model_id: ModelId
    use: CacheUse

    async def subject(self) -> Subject | None:
        """Who answers now; None where nothing is to be kept, or that can't be told."""
        if self.use == "off" or not self.registry.settings_of(self.model_id).response_cache:
            return None
        identity = await self.registry.identity(self.model_id)
        return Subject(self.model_id, identity.weights, ()) if identity is not None else None

    async def read(self, keys: Sequence[str]) -> list[bytes] | None:
        """What is kept under all of `keys`; None is counted as a miss."""
        kept = await self.cache.get_bytes(self.model_id, keys) if self.use == "read" else None
        if kept is None:
            self.cache.count("miss", self.model_id)
        return kept

    async def keep(self, subject: Subject, found: dict[str, bytes]) -> None:
        """Keep what was computed, if `subject` still is who answers."""
        with contextlib.suppress(ModelNotFoundError):  # the entry was removed meanwhile
            if await self.subject() == subject:
                self.cache.put_bytes(self.model_id, found)


async def embed(
    pieces: PieceCache, command: Embed, compute: Callable[[Embed], Awaitable[Embedded]]
) -> tuple[Embedded, bool | None]:
    """The vectors that `command` asks for, and whether nothing had to be computed (None: the cache has no part)."""
    subject = await pieces.subject()
    if subject is None:
        return await compute(command), None
    if pieces.registry.takes_openai_bodies(pieces.model_id):
        return await _embed_all(pieces, subject, command, compute)
    keys, known = vector_keys(subject, command), dict[str, bytes]()
    if pieces.use == "read":
        found = await pieces.cache.find(pieces.model_id, keys)
        known = {key: each.raw for key, each in found.items()}
        if len(known) == len(set(keys)):
            pieces.cache.count_hit(pieces.model_id, found.values())
            return decode_vectors(known[key] for key in keys), True
    pieces.cache.count("miss", pieces.model_id)
    missing = {key: text for key, text in zip(keys, command.inputs, strict=True) if key not in known}
    fresh = encode_vectors(await compute(replace(command, inputs=list(missing.values()))))
    new = dict(zip(missing, fresh, strict=True))
    await pieces.keep(subject, new)
    return decode_vectors((known | new)[key] for key in keys), False


async def _embed_all(
    pieces: PieceCache, subject: Subject, command: Embed, compute: Callable[[Embed], Awaitable[Embedded]]
) -> tuple[Embedded, bool | None]:
    """All or nothing: of an upstream only the tokens of all texts together are known."""
    key = vectors_key(subject, command)
    if (kept := await pieces.read([key])) is not None:
        return decode_vectors(kept), True
    embedded = await compute(command)
    await pieces.keep(subject, {key: encode_vectors(replace(embedded, n_tokens=[]))[0]})
    return embedded, False


async def rerank(
    pieces: PieceCache, query: str, documents: list[str], compute: Callable[[], Awaitable[Reranked]]
) -> tuple[Reranked, bool | None]:
    """The scores of `documents`, and whether nothing had to be computed (None: the cache has no part)."""
    subject = await pieces.subject()
    if subject is None:
        return await compute(), None
    key = ranking_key(subject, query, documents)
    if (kept := await pieces.read([key])) is not None:
        return decode_ranking(kept[0]), True
    reranked = await compute()
    await pieces.keep(subject, {key: encode_ranking(reranked)})
    return reranked, False
