"""What the parent asks of the child."""

from __future__ import annotations

import msgspec


class QuantizeOrder(msgspec.Struct, frozen=True, kw_only=True):
    source: str  # the GGUF, or its first shard
    target: str  # written by llama.cpp itself, from byte 0
    quantization: str  # as `makeable` names it
    imatrix: str | None
    n_threads: int
