"""The tier on disk: one SQLite file with a row per answer, which outlives the server. Blocks; for one thread only.

Only its owner can read it, for it holds what was answered. A file that is damaged or not ours is deleted with a line in
the log, and so is a row whose checksum is wrong; a disk that refuses costs the cache and never an answer. Servers that
share a cache folder share the file: SQLite keeps them apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lsrv.response_cache.memory import Kept
from lsrv.sqlite_file import (
    ForeignFileError,
    delete_file,
    is_damage,
    n_bytes,
    n_used_bytes,
    open_file,
    shrink,
    transaction,
)

_VERSION = 1

_TABLES = (
    """CREATE TABLE answers (
        key TEXT PRIMARY KEY, model_id TEXT NOT NULL, raw BLOB NOT NULL, checksum BLOB NOT NULL,
        made_at REAL NOT NULL, used_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX answers_by_use ON answers (used_at)",
    "CREATE INDEX answers_by_model ON answers (model_id)",
)

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_Work = Callable[[sqlite3.Connection], _T]


class FullDiskError(Exception):
    """The disk is so full that not even deleting is possible: it needs room in the journal."""


class DiskTier:
    """The file at `path`, of at most `max_bytes` and a journal; nothing in it is older than `max_age_s`."""

    def __init__(self, path: Path, max_bytes: int, max_age_s: float) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self.n_bytes = 0  # of the file, as of the last write
        self._told = ""  # what is wrong with the file or the disk, until they work again
        self._connection: sqlite3.Connection | None = None
        self._inode = 0  # of the file behind the connection, or behind the last one

    def get(self, key: str, now: float) -> Kept | None:
        """The answer under `key`, which counts as used; one that is too old or damaged is deleted."""
        return self.get_all([key], now).get(key)

    def get_all(self, keys: Sequence[str], now: float) -> dict[str, Kept]:
        """The same of each of `keys` that is there."""
        return self._run(lambda db: self._read_all(db, keys, now), {})

    def put(self, key: str, kept: Kept, now: float) -> None:
        """Keep an answer; those unused longest give way. One that would take most of the file is not kept."""
        self.put_all({key: kept}, now)

    def put_all(self, kept: Mapping[str, Kept], now: float) -> None:
        """The same for several answers."""
        small = {key: each for key, each in kept.items() if each.n_bytes <= self._max_bytes // 2}
        if small:
            self._run(lambda db: self._write(db, small, now), None)

    def touch(self, keys: Iterable[str], now: float) -> None:
        """Answers that were used without asking this tier."""
        rows = [(now, key) for key in keys]
        if rows:
            self._run(lambda db: _touch(db, rows), None)

    def purge(self, model_id: str) -> bool:
        """Delete every answer of a model, so that nothing of them is left in the file; whether that was done.

        On a full disk the whole file goes: what is to be forgotten counts for more than what others may want to keep.
        """
        is_done = self._is_there() and self._run(lambda db: self._delete_model(db, model_id), False)
        return is_done or not self._is_there()

    def clear(self) -> None:
        """Delete every answer of the file, if there is one: others may have it open, so it stays."""
        if self._is_there():
            self._run(self._delete_all, None)
            self.close()

    def contents(self) -> dict[str, tuple[int, int]]:
        """Answers and their bytes by model_id."""
        return self._run(_contents, {}) if self._is_there() else {}

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # -- the file ----------------------------------------------------------------------------------

    def _run(self, work: _Work[_T], otherwise: _T) -> _T:
        """What `work` returns; `otherwise`, with a line in the log, where the file or the disk won't have it."""
        try:
            if self._connection is None:
                self._connection = open_file(self._path, _TABLES, _VERSION)
                self._inode = self._path.stat().st_ino
                self.n_bytes = n_bytes(self._connection)
            done = work(self._connection)
        except (ForeignFileError, FullDiskError) as error:
            self._delete(error)
        except sqlite3.Error as error:
            if is_damage(error):
                self._delete(error)
            else:
                self._note(error)
        except OSError as error:
            self._note(error)
        else:
            self._told = ""
            return done
        return otherwise

    def _note(self, error: Exception) -> None:
        if str(error) != self._told:
            _log.warning("the response cache can't use its file", extra={"path": str(self._path), "reason": str(error)})
        self._told = str(error)
        self.close()

    def _delete(self, error: Exception) -> None:
        _log.warning(
            "the response cache's file is of no use and is deleted",
            extra={"path": str(self._path), "reason": str(error)},
        )
        self.close()
        if self._is_replaced():  # by another server that found the same
            return
        delete_file(self._path)

    def _is_there(self) -> bool:
        """True also if that can't be told: whoever opens it then says why."""
        try:
            return self._path.exists()
        except OSError:
            return True

    def _is_replaced(self) -> bool:
        try:
            return self._inode not in (0, self._path.stat().st_ino)
        except OSError:
            return True

    # -- its rows ----------------------------------------------------------------------------------

    def _read_all(self, db: sqlite3.Connection, keys: Sequence[str], now: float) -> dict[str, Kept]:
        if len(keys) == 1:
            found = [self._read(db, keys[0], now)]
        else:
            with transaction(db):
                found = [self._read(db, key, now) for key in keys]
        return {key: kept for key, kept in zip(keys, found, strict=True) if kept is not None}

    def _read(self, db: sqlite3.Connection, key: str, now: float) -> Kept | None:
        row = db.execute("SELECT model_id, raw, checksum, made_at FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        model_id, raw, checksum, made_at = row
        is_damaged = checksum != _checksum(key, model_id, raw)
        if is_damaged:
            _log.warning("a kept answer is damaged and is deleted", extra={"model_id": model_id, "key": key})
        if is_damaged or now - made_at > self._max_age_s:
            db.execute("DELETE FROM answers WHERE key = ?", (key,))
            return None
        db.execute("UPDATE answers SET used_at = ? WHERE key = ?", (now, key))
        return Kept(model_id, raw, made_at)

    def _write(self, db: sqlite3.Connection, kept: Mapping[str, Kept], now: float) -> None:
        rows = [
            (key, each.model_id, each.raw, _checksum(key, each.model_id, each.raw), each.made_at, now)
            for key, each in kept.items()
        ]
        with transaction(db):
            db.execute("DELETE FROM answers WHERE made_at < ?", (now - self._max_age_s,))
            for row in rows:
                db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
            while (n_excess := n_used_bytes(db) - self._max_bytes) > 0 and _drop_oldest(db, n_excess):
                pass  # rows share pages, so that one pass may free less than the answers' own bytes
        if n_bytes(db) > self._max_bytes:
            shrink(db)
        self.n_bytes = n_bytes(db)

    def _delete_all(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM answers")
        shrink(db)

    def _delete_model(self, db: sqlite3.Connection, model_id: str) -> bool:
        try:
            db.execute("DELETE FROM answers WHERE model_id = ?", (model_id,))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise FullDiskError("the disk is full, and the answers in it had to be deleted") from error
            raise
        shrink(db)
        self.n_bytes = n_bytes(db)
        return True


def _checksum(key: str, model_id: str, raw: bytes) -> bytes:
    """Covers the key, too: an answer under another key would be another request's."""
    return hashlib.blake2b(b"\0".join((key.encode(), model_id.encode(), raw)), digest_size=16).digest()


def _drop_oldest(db: sqlite3.Connection, n_bytes: int) -> bool:
    """Delete the rows unused longest whose answers come to `n_bytes`; False if there was none."""
    n_found, keys = 0, list[tuple[str]]()
    for key, size in db.execute("SELECT key, length(raw) FROM answers ORDER BY used_at"):
        keys.append((key,))
        n_found += size
        if n_found >= n_bytes:
            break
    db.executemany("DELETE FROM answers WHERE key = ?", keys)
    return bool(keys)


def _touch(db: sqlite3.Connection, rows: list[tuple[float, str]]) -> None:
    with transaction(db):
        db.executemany("UPDATE answers SET used_at = ? WHERE key = ?", rows)


def _contents(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    rows = db.execute("SELECT model_id, count(*), sum(length(raw)) FROM answers GROUP BY model_id")
    return {model_id: (n_answers, n_bytes) for model_id, n_answers, n_bytes in rows}
