"""Documents for an event loop: the disk has a thread of its own, and costs nobody more than a wait that ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lsrv.documents.table import DocumentTable
from lsrv.errors import CapacityError
from lsrv.sqlite_file import ForeignFileError, delete_file, is_damage
from lsrv.threads import Lanes

_DISK = "documents"
_DISK_S = 2.0

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    disk_bytes: int  # 0: nothing is kept
    max_age_s: float


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What lies under one id, and the names of its parts."""

    raw: bytes
    parts: Sequence[str]


class Shelf:
    """The documents in the file `path`, which is not opened before somebody asks."""

    def __init__(self, path: Path, limits: DocumentLimits, clock: Callable[[], float] = time.time) -> None:
        self.is_open = limits.disk_bytes > 0
        self._table = DocumentTable(path, limits.disk_bytes, limits.max_age_s)
        self._threads = Lanes(width=1)
        self._clock = clock
        self._told = ""  # what is wrong with the disk, until it works again

    async def get(self, document_id: str) -> bytes | None:
        """The document; None: there is none. Raises CapacityError while the disk can't tell."""
        return await self._asked(lambda table: table.get(document_id, self._clock()), None)

    async def with_part(self, part_id: str) -> bytes | None:
        """The document that has a part of that name."""
        return await self._asked(lambda table: table.with_part(part_id, self._clock()), None)

    async def delete(self, document_id: str) -> bool:
        """Whether there was one to delete."""
        return await self._asked(lambda table: table.delete(document_id), False)

    async def put(self, document_id: str, raw: bytes, parts: Sequence[str] = ()) -> bool:
        """Whether it is on disk now. A disk that is full, sick or slow is told in the log."""
        if not self.is_open:
            return False
        try:
            return await self._run(lambda table: table.put(document_id, raw, parts, self._clock()))
        except CapacityError:
            return False

    async def change(self, document_id: str, change: Callable[[bytes], Rewritten]) -> bool | None:
        """Rewrite a document; nobody writes it meanwhile. False: it has become too long; None: there is none.

        `change` runs in the disk's thread. Raises what it raises, and CapacityError while the disk refuses.
        """

        def rewrite(table: DocumentTable) -> bool | None:
            raw = table.get(document_id, self._clock())
            if raw is None:
                return None
            changed = change(raw)
            return table.put(document_id, changed.raw, changed.parts, self._clock())

        return await self._asked(rewrite, None)

    async def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(CapacityError):
            await self._asked(lambda table: table.close(), None)

    def forget_unused(self) -> None:
        """Delete what an earlier server left where nothing is kept now."""
        if not self.is_open:
            self._threads.submit(_DISK, delete_file, self._table.path)

    async def _asked(self, work: Callable[[DocumentTable], _T], otherwise: _T) -> _T:
        return await self._run(work) if self.is_open else otherwise

    async def _run(self, work: Callable[[DocumentTable], _T]) -> _T:
        try:
            async with asyncio.timeout(_DISK_S):
                done = await self._threads.run(_DISK, work, self._table)
        except TimeoutError:
            raise self._failure("the disk does not answer") from None
        except (sqlite3.Error, ForeignFileError, OSError) as error:
            if isinstance(error, ForeignFileError) or (isinstance(error, sqlite3.Error) and is_damage(error)):
                self._threads.submit(_DISK, self._begin_anew)
            else:
                self._threads.submit(_DISK, self._table.close)
            raise self._failure(str(error)) from error
        self._told = ""
        return done

    def _begin_anew(self) -> None:
        self._table.close()
        delete_file(self._table.path)

    def _failure(self, reason: str) -> CapacityError:
        if reason != self._told:
            _log.warning("documents can't be kept", extra={"path": str(self._table.path), "reason": reason})
        self._told = reason
        return CapacityError("What is kept on this server's disk can't be read or written now; its log says why.")
