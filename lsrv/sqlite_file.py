"""One SQLite file as this server keeps them: it outlives the server, and only its owner can read it. Blocks.

Servers that share a cache folder share the file: SQLite keeps them apart.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Generator, Sequence
from pathlib import Path

_APPLICATION_ID = 0x6C737276  # "lsrv"
_BUSY_S = 2.0
_BUSY_AGAIN_S = 0.005
_JOURNAL_BYTES = 1024 * 1024
_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}

# auto_vacuum counts only before the first table; secure_delete overwrites what was purged.
_SETTINGS = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
PRAGMA journal_size_limit = {_JOURNAL_BYTES};
PRAGMA wal_autocheckpoint = 128;
"""


class ForeignFileError(Exception):
    """A sound SQLite file that is not ours, or of another version."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it is the file that is wrong, and not the disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE  # the low byte: extended codes name details


def delete_file(path: Path) -> None:
    """Delete the file with its journals, as far as the disk lets us."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def open_file(path: Path, tables: Sequence[str], version: int) -> sqlite3.Connection:
    """The file, made if it is missing. Raises ForeignFileError, sqlite3.Error, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its journal the mode of the file
    path.chmod(0o600)
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)  # one at a time
    try:
        _settle(db)
        with transaction(db):
            _ensure_tables(db, tables, version)
    except BaseException:
        db.close()
        raise
    return db


def _settle(db: sqlite3.Connection) -> None:
    """The settings of a connection. To begin a write-ahead log waits for nobody who is at it, so it is tried again."""
    give_up = time.monotonic() + _BUSY_S
    while True:
        try:
            db.executescript(_SETTINGS)
            return
        except sqlite3.OperationalError as error:
            is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > give_up:
                raise
            time.sleep(_BUSY_AGAIN_S)


def _ensure_tables(db: sqlite3.Connection, tables: Sequence[str], version: int) -> None:
    """Within a transaction: another server may be making the same file. Raises ForeignFileError."""
    found = _pragma(db, "application_id"), _pragma(db, "user_version")
    n_tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if found == (0, 0) and n_tables == 0:
        for statement in (*tables, f"PRAGMA application_id = {_APPLICATION_ID}", f"PRAGMA user_version = {version}"):
            db.execute(statement)
    elif found != (_APPLICATION_ID, version):
        raise ForeignFileError(f"application {found[0]:#x}, version {found[1]}")


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """All that is done inside, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def n_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file."""
    return _pragma(db, "page_count") * _pragma(db, "page_size")


def n_used_bytes(db: sqlite3.Connection) -> int:
    """The same without what is free in it."""
    return (_pragma(db, "page_count") - _pragma(db, "freelist_count")) * _pragma(db, "page_size")


def shrink(db: sqlite3.Connection) -> None:
    """Give free pages back to the disk, and the journal with what it still holds of them."""
    db.executescript("PRAGMA incremental_vacuum")  # execute() takes a single step of it
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
