"""The adapters of one loaded model: by name for requests, by number for the cache, and whose turn it is to decode.

llama.cpp applies adapters to a whole batch, so sequences with different ones are decoded in batches of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from lsrv.engine.llama.adapter import Adapter
from lsrv.engine.llama.backend import Log
from lsrv.engine.llama.model import Model
from lsrv.errors import ModelNotFoundError, RequestError
from lsrv.protocol.commands import AdapterChoice

# Numbers of adapters, rising, each with its weight: what the cells of a sequence depend on beside its tokens.
AdapterSet = tuple[tuple[int, float], ...]
NO_ADAPTERS: AdapterSet = ()

# Putting others on means to reserve the compute buffers anew (seen: 0.6 ms for 260 thousand parameters, 25 ms for 0.6
# billion): often enough for streams to run smoothly, seldom enough for that not to be what the time goes into.
TURN_S = 0.05


class Adapters:
    """Loaded adapters. A number is never given twice, so nothing computed with an old adapter passes for new.

    Every method belongs to the engine thread.
    """

    def __init__(self, model: Model, log: Log) -> None:
        self._model = model
        self._log = log
        self._numbers = itertools.count(1)
        self._offered: dict[str, int] = {}
        self._loaded: dict[int, Adapter] = {}  # those offered, and those that sequences still use

    @property
    def names(self) -> list[str]:
        """Names of the adapters that requests may choose."""
        return list(self._offered)

    @property
    def has_retired(self) -> bool:
        """Whether some are loaded that are no longer offered."""
        return len(self._loaded) > len(self._offered)

    def load(self, name: str, path: str) -> None:
        """Offer the adapter at `path`, in place of an earlier one of that name. Raises LoadFailedError."""
        adapter = Adapter(self._model, path, self._log)
        number = next(self._numbers)
        self._loaded[number] = adapter
        self._offered[name] = number

    def unload(self, name: str) -> None:
        """Offer it no longer; sequences that use it go on. Raises ModelNotFoundError."""
        if name not in self._offered:
            raise ModelNotFoundError(self._unknown(name))
        del self._offered[name]

    def chosen(self, choices: Iterable[AdapterChoice]) -> AdapterSet:
        """What a request asks for. Raises RequestError for a name that is not offered."""
        chosen: list[tuple[int, float]] = []
        for choice in choices:
            number = self._offered.get(choice.name)
            if number is None:
                raise RequestError(self._unknown(choice.name), param="adapters")
            if choice.weight != 0:
                chosen.append((number, choice.weight))
        return tuple(sorted(chosen))

    def weighted(self, adapters: AdapterSet) -> list[tuple[Adapter, float]]:
        """The same as weights in memory, in the same order."""
        return [(self._loaded[number], weight) for number, weight in adapters]

    def take_retired(self, in_use: Iterable[AdapterSet]) -> list[Adapter]:
        """Adapters that are neither offered nor `in_use`, for the caller to free."""
        kept = {number for adapters in in_use for number, _ in adapters} | set(self._offered.values())
        return [self._loaded.pop(number) for number in self._loaded.keys() - kept]

    def _unknown(self, name: str) -> str:
        return f"this model has no adapter '{name}'; it has {', '.join(self._offered) or 'none'}"


class AdapterTurns:
    """Sets of adapters take turns of equal time. Pure: no clock."""

    def __init__(self, turn_s: float = TURN_S) -> None:
        self._turn_s = turn_s
        self._queue: list[AdapterSet] = []  # the first one has its turn
        self._ends_s = 0.0

    def next(self, wanted: Sequence[AdapterSet], now_s: float) -> AdapterSet:
        """Which of the `wanted` sets to decode with now; at least one is. New ones queue in that order."""
        before = self._queue[:1]
        kept = [adapters for adapters in self._queue if adapters in wanted]
        self._queue = list(dict.fromkeys([*kept, *wanted]))
        if self._queue[:1] == before and now_s >= self._ends_s:
            self._queue.append(self._queue.pop(0))
        if self._queue[:1] != before or now_s >= self._ends_s:
            self._ends_s = now_s + self._turn_s
        return self._queue[0]
