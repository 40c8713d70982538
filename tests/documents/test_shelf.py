"""Documents on disk: by id and by part, below bounds of size and age, in files that are sound or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lsrv.documents import DocumentLimits, Shelf
from lsrv.documents.table import DocumentTable

MAX_BYTES = 1024 * 1024
NOISE = bytes(range(256)) * 400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "kept.sqlite3"


@pytest.fixture
def table(path: Path) -> DocumentTable:
    return DocumentTable(path, MAX_BYTES, 100.0)


def test_a_document_is_found_by_its_id_and_by_its_parts(table: DocumentTable) -> None:
    assert table.put("a", b"1", ["x", "y"], 1.0)
    assert (table.get("a", 1.0), table.with_part("y", 1.0), table.get("x", 1.0)) == (b"1", b"1", None)
    assert table.put("a", b"2", ["z"], 2.0)
    assert (table.with_part("x", 2.0), table.with_part("z", 2.0)) == (b"2", b"2")
    assert (table.delete("a"), table.delete("a")) == (True, False)
    assert table.with_part("x", 2.0) is None


def test_the_oldest_documents_give_way(table: DocumentTable, path: Path) -> None:
    assert all(table.put(f"{i}", NOISE, [], float(i)) for i in range(40))
    assert (table.get("39", 40.0), table.get("0", 40.0)) == (NOISE, None)
    assert path.stat().st_size <= MAX_BYTES
    assert not table.put("long", NOISE * 8, [], 41.0)


def test_what_is_too_old_is_gone(table: DocumentTable) -> None:
    table.put("a", b"1", ["x"], 1.0)
    assert (table.get("a", 101.0), table.get("a", 102.0), table.with_part("x", 102.0)) == (b"1", None, None)


def test_a_file_of_no_use_is_begun_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(NOISE)
    shelf = Shelf(path, DocumentLimits(MAX_BYTES, 100.0))

    async def run() -> tuple[bool, bool, bytes | None]:
        return await shelf.put("a", b"1"), await shelf.put("a", b"1"), await shelf.get("a")

    assert asyncio.run(run()) == (False, True, b"1")


def test_a_shelf_that_is_closed_keeps_nothing(path: Path) -> None:
    shelf = Shelf(path, DocumentLimits(0, 100.0))

    async def run() -> tuple[bool, bytes | None]:
        return await shelf.put("a", b"1"), await shelf.get("a")

    assert asyncio.run(run()) == (False, None)
    assert not path.exists()
