"""Both tiers for an event loop: memory answers at once, the disk in a thread of its own. One owner, one loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar, get_args

import msgspec

from lsrv.errors import LsrvError
from lsrv.protocol.events import Finished
from lsrv.response_cache.answer import decode, encode
from lsrv.response_cache.disk import DiskTier
from lsrv.response_cache.flight import Flights
from lsrv.response_cache.memory import Kept, MemoryTier
from lsrv.response_cache.statistics import Holding, ModelStatistics
from lsrv.threads import Lanes

CacheOutcome = Literal["memory", "disk", "shared", "miss"]  # shared: by another request's computation

FILE_NAME = "answers.sqlite3"
_DISK = "disk"
_READ_S = 2.0  # what a disk may take; if it hangs, the answer is computed
_MAX_WRITES = 256  # that wait for a slow disk; beyond, answers are kept in memory only
_CLOSE_S = 5.0  # for answers that are still on their way to the disk

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class CacheLimits(msgspec.Struct, frozen=True, kw_only=True):
    ram_bytes: int
    disk_bytes: int  # 0: nothing is written
    max_age_s: float
    max_ram_age_s: float = math.inf  # of the faster tier


class FoundBytes(msgspec.Struct, frozen=True):
    """A kept answer, and which tier had it."""

    raw: bytes
    is_from_disk: bool


class ResponseCache:
    """Kept answers in memory, and in `folder` below a bound. Nothing is opened before the first answer is asked for."""

    def __init__(self, folder: Path, limits: CacheLimits, clock: Callable[[], float] = time.time) -> None:
        self.flights = Flights()
        self._memory = MemoryTier(limits.ram_bytes, min(limits.max_age_s, limits.max_ram_age_s))
        tier = DiskTier(folder / FILE_NAME, limits.disk_bytes, limits.max_age_s)
        self._disk = tier if limits.disk_bytes else None
        self._unused_disk = None if limits.disk_bytes else tier
        self._threads = Lanes(width=1)
        self._writes: set[asyncio.Future[None]] = set()
        self._clock = clock
        self._used: set[str] = set()  # in memory, which the disk has yet to hear of
        self._n_purges: Counter[str] = Counter()
        self.counts: dict[CacheOutcome, Counter[str]] = {
            outcome: Counter() for outcome in get_args(CacheOutcome)
        }  # by model_id

    async def get(self, model_id: str, key: str) -> list[Finished] | None:
        """The answer under `key`, one end per choice."""
        raw = await self.get_bytes(model_id, [key])
        return decode(raw[0]) if raw is not None else None

    async def get_bytes(self, model_id: str, keys: Sequence[str]) -> list[bytes] | None:
        """What is kept under all of `keys`, in their order, which is one hit; None if one of them is missing."""
        found = await self.find(model_id, keys)
        if len(found) < len(set(keys)):
            return None
        self.count_hit(model_id, found.values())
        return [found[key].raw for key in keys]

    async def find(self, model_id: str, keys: Sequence[str]) -> dict[str, FoundBytes]:
        """What is kept under some of `keys`. Counts nothing."""
        found = self._in_memory(keys)
        if missing := [key for key in dict.fromkeys(keys) if key not in found]:
            found |= await self._from_disk(model_id, missing)
            # Some may have been put there while the disk was asked.
            found |= self._in_memory([key for key in missing if key not in found])
        self._used.update(found)
        return found

    def count_hit(self, model_id: str, found: Iterable[FoundBytes]) -> None:
        """One request was answered by what was found."""
        self.count("disk" if any(each.is_from_disk for each in found) else "memory", model_id)

    def _in_memory(self, keys: Iterable[str]) -> dict[str, FoundBytes]:
        now = self._clock()
        kept = ((key, self._memory.get(key, now)) for key in keys)
        return {key: FoundBytes(each.raw, is_from_disk=False) for key, each in kept if each is not None}

    async def _from_disk(self, model_id: str, keys: Sequence[str]) -> dict[str, FoundBytes]:
        n_purges = self._n_purges[model_id]
        try:
            async with asyncio.timeout(_READ_S):
                found = await self._in_thread(lambda disk: disk.get_all(keys, self._clock()), {})
        except TimeoutError:
            return {}
        if self._n_purges[model_id] != n_purges:
            return {}
        for key, kept in found.items():
            self._memory.put(key, kept)
        return {key: FoundBytes(kept.raw, is_from_disk=True) for key, kept in found.items()}

    async def put(self, model_id: str, key: str, ends: Sequence[Finished]) -> None:
        """Keep an answer; returns when it is in memory, before it is on disk."""
        self.put_bytes(model_id, {key: await asyncio.to_thread(encode, ends)})

    def put_bytes(self, model_id: str, found: Mapping[str, bytes]) -> None:
        """Keep answers that are bytes already."""
        now = self._clock()
        kept = {key: Kept(model_id, raw, now) for key, raw in found.items()}
        for key, each in kept.items():
            self._memory.put(key, each)
        used, self._used = self._used, set()
        self._send(lambda disk: disk.touch(used, now))
        self._send(lambda disk: disk.put_all(kept, now))

    def forget_unused(self) -> None:
        """Begin to delete what an earlier server left on a disk that is off now. Off means that nothing is there."""
        if self._unused_disk is not None:
            self._begin(self._unused_disk.clear)

    async def purge(self, model_id: str) -> None:
        """Delete every answer of a model. Raises LsrvError if the disk refuses."""
        self._n_purges[model_id] += 1
        self._memory.purge(model_id)
        if not await self._in_thread(lambda disk: disk.purge(model_id), True):
            raise LsrvError("The kept answers on disk can't be deleted; the server's log says why.")
        _log.info("kept answers deleted", extra={"model_id": model_id})

    def count(self, outcome: CacheOutcome, model_id: str) -> None:
        """Where a request's answer comes from."""
        self.counts[outcome][model_id] += 1

    @property
    def n_memory_bytes(self) -> int:
        return self._memory.n_bytes.total()

    @property
    def n_disk_bytes(self) -> int:
        """Bytes on disk after the last write; 0 before the file was opened."""
        return self._disk.n_bytes if self._disk is not None else 0

    async def statistics(self) -> dict[str, ModelStatistics]:
        """Statistics by model_id, of models that were asked or have answers kept."""
        contents: dict[str, tuple[int, int]] = {}
        with contextlib.suppress(TimeoutError):  # a disk that hangs tells nothing
            async with asyncio.timeout(_READ_S):
                contents = await self._in_thread(lambda disk: disk.contents(), {})
        return {
            model_id: ModelStatistics(
                memory_hits=self.counts["memory"][model_id],
                disk_hits=self.counts["disk"][model_id],
                shared=self.counts["shared"][model_id],
                misses=self.counts["miss"][model_id],
                memory=Holding(self._memory.n_answers[model_id], self._memory.n_bytes[model_id]),
                disk=Holding(*contents.get(model_id, (0, 0))),
            )
            for model_id in set(contents).union(*self.counts.values(), self._memory.n_answers)
        }

    async def close(self) -> None:
        """End computations, and write what is on its way to the disk."""
        await self.flights.close()
        used, self._used = self._used, set()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._in_thread(lambda disk: disk.touch(used, self._clock()), None)
                await self._in_thread(lambda disk: disk.close(), None)
        except TimeoutError:
            _log.warning("the response cache's disk is too slow; the last answers are not kept")
        for write in self._writes:
            write.cancel()

    # -- the disk's thread -------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[DiskTier], _T], otherwise: _T) -> _T:
        """What `work` makes of the disk tier; `otherwise` without one."""
        if self._disk is None:
            return otherwise
        return await self._threads.run(_DISK, work, self._disk)

    def _send(self, work: Callable[[DiskTier], None]) -> None:
        """The same without waiting, in the order of the calls."""
        if self._disk is not None and len(self._writes) < _MAX_WRITES:
            self._begin(functools.partial(work, self._disk))

    def _begin(self, work: Callable[[], None]) -> None:
        write = self._threads.submit(_DISK, work)
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
