"""The tier in memory: encoded answers below a bound of bytes; the last used stay. Pure: time is a parameter."""

from __future__ import annotations

from collections import Counter, OrderedDict

import msgspec

_ROW_BYTES = 400  # the key, the record and the place in the table, as Python counts them


class Kept(msgspec.Struct, frozen=True):
    """An encoded answer."""

    model_id: str
    raw: bytes
    made_at: float  # Unix time

    @property
    def n_bytes(self) -> int:
        return len(self.raw) + _ROW_BYTES


class MemoryTier:
    """Encoded answers, of `max_bytes` at most, and none older than `max_age_s`."""

    def __init__(self, max_bytes: int, max_age_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._kept: OrderedDict[str, Kept] = OrderedDict()  # the last used at the end
        self.n_bytes: Counter[str] = Counter()  # by model_id
        self.n_answers: Counter[str] = Counter()

    def get(self, key: str, now: float) -> Kept | None:
        """The answer under `key`, which counts as used."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now - kept.made_at > self._max_age_s:
            self.drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer; those unused longest give way. One above the bound is not kept."""
        self.drop(key)
        if kept.n_bytes > self._max_bytes:
            return
        while self.n_bytes.total() + kept.n_bytes > self._max_bytes:
            self.drop(next(iter(self._kept)))
        self._kept[key] = kept
        self.n_bytes[kept.model_id] += kept.n_bytes
        self.n_answers[kept.model_id] += 1

    def drop(self, key: str) -> None:
        """Forget the answer under `key`, if there is one."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.n_bytes[kept.model_id] -= kept.n_bytes
            self.n_answers[kept.model_id] -= 1

    def purge(self, model_id: str) -> None:
        """Forget every answer of a model."""
        for key in [key for key, kept in self._kept.items() if kept.model_id == model_id]:
            self.drop(key)
