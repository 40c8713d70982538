"""What an upstream said in OpenAI's words, kept in the response cache: a whole body, or a stream's chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lsrv.response_cache import Subject
from lsrv.response_cache.one_piece import are_whole_chunks, body_key, is_repeatable_body, is_whole_body
from lsrv.serving.kept_pieces import PieceCache

_decoder = msgspec.json.Decoder(list[dict[str, object]])
_MAX_BYTES = 8 << 20  # of one answer


@dataclass(frozen=True, slots=True)
class BodyQuestion:
    """One request. `kept`: what was said before; `is_hit` None: the cache has no part in it."""

    pieces: PieceCache
    subject: Subject | None
    key: str
    is_streaming: bool
    kept: list[dict[str, object]] | None = None

    @property
    def is_hit(self) -> bool | None:
        return None if self.subject is None else self.kept is not None

    async def keep(self, parts: Sequence[dict[str, object]]) -> None:
        """Keep what was said, if it is whole."""
        is_whole = are_whole_chunks(parts) if self.is_streaming else all(map(is_whole_body, parts))
        if self.subject is None or not is_whole:
            return
        raw = msgspec.json.encode(parts)
        if len(raw) <= _MAX_BYTES:
            await self.pieces.keep(self.subject, {self.key: raw})


@dataclass(frozen=True, slots=True)
class KeptBodies:
    """The answers of one upstream at one path."""

    pieces: PieceCache
    path: str

    async def ask(self, body: dict[str, object], *, is_streaming: bool) -> BodyQuestion:
        """`body` is what would be sent, with all defaults."""
        subject = await self.pieces.subject() if is_repeatable_body(self.path, body) else None
        if subject is None:
            return BodyQuestion(self.pieces, None, "", is_streaming)
        key = body_key(subject, self.path, body, is_streaming)
        kept = await self.pieces.read([key])
        parts = None if kept is None else _decoder.decode(kept[0])
        return BodyQuestion(self.pieces, subject, key, is_streaming, parts)
