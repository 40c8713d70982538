"""One SQLite file with a row per document, and the names of its parts. Blocks; for one thread only.

Raises sqlite3.Error, OSError and ForeignFileError, which are for the caller to tell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lsrv.sqlite_file import n_bytes, n_used_bytes, open_file, shrink, transaction

_VERSION = 1
_TABLES = (
    "CREATE TABLE documents (id TEXT PRIMARY KEY, raw BLOB NOT NULL, made_at REAL NOT NULL) STRICT",
    "CREATE INDEX documents_by_age ON documents (made_at)",
    """CREATE TABLE parts (
        id TEXT PRIMARY KEY, document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE
    ) STRICT""",
    "CREATE INDEX parts_by_document ON parts (document_id)",
)


class DocumentTable:
    """The file at `path`, of at most `max_bytes`; nothing in it is older than `max_age_s`."""

    def __init__(self, path: Path, max_bytes: int, max_age_s: float) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._connection: sqlite3.Connection | None = None

    def get(self, document_id: str, now: float) -> bytes | None:
        """The document; None: there is none, or it is too old."""
        row = (
            self._db()
            .execute("SELECT raw FROM documents WHERE id = ? AND made_at >= ?", (document_id, now - self._max_age_s))
            .fetchone()
        )
        return None if row is None else bytes(row[0])

    def with_part(self, part_id: str, now: float) -> bytes | None:
        """The document that has a part of that name."""
        row = self._db().execute("SELECT document_id FROM parts WHERE id = ?", (part_id,)).fetchone()
        return None if row is None else self.get(str(row[0]), now)

    def put(self, document_id: str, raw: bytes, parts: Sequence[str], now: float) -> bool:
        """Keep a document, in place of one of that id; the oldest give way. False: it alone would be too long."""
        if len(raw) > self._max_bytes // 2:
            return False
        db = self._db()
        with transaction(db):
            db.execute("DELETE FROM documents WHERE made_at < ?", (now - self._max_age_s,))
            db.execute(
                """INSERT INTO documents VALUES (?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET raw = excluded.raw, made_at = excluded.made_at""",
                (document_id, raw, now),
            )
            rows = [(part, document_id) for part in parts]
            db.executemany("INSERT OR IGNORE INTO parts VALUES (?, ?)", rows)
            while n_used_bytes(db) > self._max_bytes and _drop_oldest(db, document_id):
                pass
        if n_bytes(db) > self._max_bytes:
            shrink(db)
        return True

    def delete(self, document_id: str) -> bool:
        """Whether there was one."""
        return self._db().execute("DELETE FROM documents WHERE id = ?", (document_id,)).rowcount > 0

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_file(self.path, _TABLES, _VERSION)
            self._connection.execute("PRAGMA foreign_keys = ON")
        return self._connection


_DROPPED_AT_ONCE = 16


def _drop_oldest(db: sqlite3.Connection, spared: str) -> bool:
    oldest = "SELECT id FROM documents WHERE id <> ? ORDER BY made_at LIMIT ?"
    return db.execute(f"DELETE FROM documents WHERE id IN ({oldest})", (spared, _DROPPED_AT_ONCE)).rowcount > 0
