"""What every chunk of a stream begins and ends with, made once: the rest is one `%` per token."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_encode = msgspec.json.Encoder().encode


class ChunkFrame:
    """A chunk is `head`, a choice as JSON (or none), `tail`. `cached`: what an answer says that cost nothing anew."""

    def __init__(self, common: Mapping[str, object], *, has_usage: bool, is_cached: bool) -> None:
        """`common`: the fields that all chunks share. `has_usage`: a last chunk tells it, all others say null."""
        self.head = b"data: " + _encode(common)[:-1] + b',"choices":['
        self.tail = b'],"usage":null}\n\n' if has_usage else b"]}\n\n"
        self.cached: dict[str, object] = {"cached": True} if is_cached else {}

    def with_counts(self, chunk: bytes, counts: dict[str, object]) -> bytes:
        """`chunk`, which also tells what the answer took."""
        return chunk[: -len(self.tail)] + self._end(counts)

    def counts_alone(self, counts: dict[str, object]) -> bytes:
        """A chunk without a choice."""
        return self.head + self._end(counts)

    def _end(self, counts: dict[str, object]) -> bytes:
        return b"]," + _encode(counts | self.cached)[1:] + b"\n\n"
