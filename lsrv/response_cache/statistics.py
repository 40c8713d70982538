"""What the response cache did for a model since the server began, and what it holds of it now."""

from __future__ import annotations

import msgspec


class Holding(msgspec.Struct, frozen=True):
    """One tier's share of a model."""

    n_answers: int = 0
    n_bytes: int = 0


class ModelStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that could have been answered from the cache: hits of either tier, and misses."""

    memory_hits: int = 0
    disk_hits: int = 0
    shared: int = 0  # answered by the computation of an equal request that was running
    misses: int = 0
    memory: Holding = Holding()
    disk: Holding = Holding()
