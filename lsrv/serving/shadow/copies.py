"""Copies that wait until the machine is idle: a bounded number of a bounded size. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from lsrv.serving.request import GenerationRequest

_N_MAX = 64
_MAX_BYTES = 16 * 1024 * 1024


class Shadow(NamedTuple):
    """Who gets copies: the route's id, and the name that the route has for the model."""

    route_id: str
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A request that was answered, and the answer."""

    request_id: str
    raw: bytes
    parse: Callable[[bytes], GenerationRequest]
    texts: list[str]

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return len(self.raw) + 4 * sum(map(len, self.texts))


@dataclass(slots=True, eq=False)
class Copy:
    """One of them for one shadow. `was_begun`: it has been asked before, and was given up."""

    shadow: Shadow
    original: Original
    was_begun: bool = False


class WaitingCopies:
    """Copies that wait, in order of arrival."""

    def __init__(self, n_max: int = _N_MAX, max_bytes: int = _MAX_BYTES) -> None:
        self._copies: list[Copy] = []
        self._n_max, self._max_bytes = n_max, max_bytes

    def add(self, copy: Copy) -> list[Copy]:
        """Let `copy` wait; those that are dropped for it, the oldest first. One that is too large is dropped itself."""
        if copy.original.size_bytes > self._max_bytes:
            return [copy]
        self._copies.append(copy)
        n_dropped, n_bytes = 0, sum(each.original.size_bytes for each in self._copies)
        while len(self._copies) - n_dropped > self._n_max or n_bytes > self._max_bytes:
            n_bytes -= self._copies[n_dropped].original.size_bytes
            n_dropped += 1
        dropped, self._copies = self._copies[:n_dropped], self._copies[n_dropped:]
        return dropped

    def remove(self, copy: Copy) -> bool:
        """Whether `copy` was still waiting."""
        before = len(self._copies)
        self._copies = [each for each in self._copies if each is not copy]
        return len(self._copies) < before

    def oldest(self) -> list[Copy]:
        """The oldest copy of each shadow, in order of arrival."""
        first: dict[Shadow, Copy] = {}
        for copy in self._copies:
            first.setdefault(copy.shadow, copy)
        return list(first.values())

    def keep(self, shadows: Collection[Shadow]) -> None:
        """Forget the copies for all others."""
        self._copies = [copy for copy in self._copies if copy.shadow in shadows]

    def count(self, shadow: Shadow) -> int:
        """How many wait for that one."""
        return sum(copy.shadow == shadow for copy in self._copies)
