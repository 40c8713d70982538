"""The tier on disk, on a real one: bounds, restarts, and everything that can be wrong with a file."""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lsrv.response_cache.disk import DiskTier
from lsrv.response_cache.memory import Kept
from lsrv.sqlite_file import ForeignFileError

DAY_S = 86400.0
MIB = 1024 * 1024


def kept(text: bytes = b"answer", model_id: str = "m", made_at: float = 0.0) -> Kept:
    return Kept(model_id, text, made_at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "responses" / "answers.sqlite3"


def n_file_bytes(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.iterdir())


def test_an_answer_survives_a_restart(path: Path) -> None:
    first = DiskTier(path, MIB, DAY_S)
    first.put("a", kept(), 0.0)
    first.close()
    assert DiskTier(path, MIB, DAY_S).get("a", 1.0) == kept()


def test_two_servers_share_a_file(path: Path) -> None:
    one, other = DiskTier(path, MIB, DAY_S), DiskTier(path, MIB, DAY_S)
    one.put("a", kept(b"1"), 0.0)
    other.put("b", kept(b"2"), 0.0)
    assert one.get("b", 0.0) == kept(b"2")
    assert other.get("a", 0.0) == kept(b"1")


def test_servers_that_begin_on_one_empty_cache_at_once_keep_each_others_answers(tmp_path: Path) -> None:
    for round_ in range(20):
        tiers = [DiskTier(tmp_path / str(round_) / "answers.sqlite3", MIB, DAY_S) for _ in range(4)]
        begin = threading.Barrier(len(tiers))

        def keep(number: int, tiers: list[DiskTier] = tiers, begin: threading.Barrier = begin) -> None:
            begin.wait()
            tiers[number].put(str(number), kept(b"%d" % number), 0.0)

        with ThreadPoolExecutor(len(tiers)) as threads:
            list(threads.map(keep, range(len(tiers))))
        assert [tiers[0].get(str(number), 0.0) for number in range(4)] == [kept(b"%d" % number) for number in range(4)]


def test_a_file_that_another_server_has_replaced_meanwhile_is_left_alone(path: Path) -> None:
    one = DiskTier(path, MIB, DAY_S)
    one.put("a", kept(), 0.0)
    path.unlink()
    other = DiskTier(path, MIB, DAY_S)
    other.put("b", kept(), 0.0)
    one._delete(ForeignFileError("seen before"))  # pyright: ignore[reportPrivateUsage]  # a race, step by step
    assert other.get("b", 0.0) == kept()
    assert path.exists()


def test_clearing_forgets_every_answer_and_leaves_the_file_to_others_that_have_it_open(path: Path) -> None:
    one, other = DiskTier(path, MIB, DAY_S), DiskTier(path, MIB, DAY_S)
    one.put("a", kept(b"secret" * 1000), 0.0)
    other.clear()
    assert one.get("a", 0.0) is None
    assert not any(b"secret" in each.read_bytes() for each in path.parent.iterdir())
    one.put("b", kept(), 0.0)
    assert one.get("b", 0.0) == kept()


def test_only_the_owner_can_read_any_of_its_files(path: Path) -> None:
    umask = os.umask(0)
    try:
        DiskTier(path, MIB, DAY_S).put("a", kept(), 0.0)
    finally:
        os.umask(umask)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


def test_the_bound_holds_and_the_answers_unused_longest_give_way(path: Path) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    for i in range(40):
        tier.put(str(i), kept(os.urandom(50_000)), float(i))
        tier.get("0", i + 0.5)
        assert tier.n_bytes <= MIB
    assert tier.get("0", 50.0) and tier.get("39", 50.0) and not tier.get("1", 50.0)
    assert path.stat().st_size <= MIB
    assert n_file_bytes(path) <= 3 * MIB  # the journal


def test_an_answer_that_would_take_most_of_the_file_is_not_kept(path: Path) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    tier.put("a", kept(), 0.0)
    tier.put("b", kept(b"x" * MIB), 0.0)
    assert tier.get("a", 0.0) and not tier.get("b", 0.0)


def test_what_memory_answered_counts_as_used(path: Path) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    for key in "ab":
        tier.put(key, kept(os.urandom(400_000)), 0.0)
    tier.touch(["a"], 1.0)
    tier.put("c", kept(os.urandom(400_000)), 2.0)
    assert [bool(tier.get(key, 3.0)) for key in "abc"] == [True, False, True]


def test_a_bound_below_any_answer_keeps_nothing(path: Path) -> None:
    tier = DiskTier(path, 1, DAY_S)
    tier.put("a", kept(), 0.0)
    assert not tier.get("a", 0.0)


def test_an_answer_grows_too_old(path: Path) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    tier.put("a", kept(), 0.0)
    assert tier.get("a", DAY_S)
    assert not tier.get("a", DAY_S + 1)
    assert tier.contents() == {}


def test_a_purge_leaves_nothing_of_the_model_in_the_file(path: Path) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    tier.put("a", kept(b"secret" * 100), 0.0)
    tier.put("b", kept(b"other" * 100, "n"), 0.0)
    assert tier.contents() == {"m": (1, 600), "n": (1, 500)}
    assert tier.purge("m")
    assert tier.contents() == {"n": (1, 500)}
    assert not any(b"secret" in each.read_bytes() for each in path.parent.iterdir())


def _execute(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(statement)
    db.close()


def _scramble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for offset in range(4096, len(data), 97):  # behind the header
        data[offset] ^= 0xFF
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"not a database at all" * 1000),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "scrambled": _scramble,
    "another program's": lambda path: _execute(path, "PRAGMA application_id = 7"),
    "of another version": lambda path: _execute(path, "PRAGMA user_version = 99"),
    "without its table": lambda path: _execute(path, "DROP TABLE answers"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_damaged_or_not_ours_is_deleted_and_begun_anew(
    damage: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    for i in range(20):
        tier.put(str(i), kept(os.urandom(3000)), 0.0)
    tier.close()
    DAMAGES[damage](path)
    again = DiskTier(path, MIB, DAY_S)
    assert [again.get(str(i), 0.0) for i in range(20)] == [None] * 20
    assert "is of no use and is deleted" in caplog.text
    again.put("a", kept(), 0.0)
    assert again.get("a", 0.0) == kept()


@pytest.mark.parametrize("column", ["raw", "model_id", "checksum"])
def test_an_answer_whose_checksum_is_wrong_is_deleted(
    column: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    for key in "ab":
        tier.put(key, kept(), 0.0)
    tier.close()
    value = "'n'" if column == "model_id" else "x'00'"
    _execute(path, f"UPDATE answers SET {column} = {value} WHERE key = 'a'")
    assert tier.get("a", 0.0) is None
    assert "a kept answer is damaged and is deleted" in caplog.text
    assert tier.get("b", 0.0) == kept()


def test_an_answer_under_another_key_is_no_answer(path: Path) -> None:
    tier = DiskTier(path, MIB, DAY_S)
    tier.put("a", kept(), 0.0)
    tier.close()
    _execute(path, "UPDATE answers SET key = 'b'")
    assert tier.get("b", 0.0) is None


class FullDisk:
    """Some of SQLite's statements find no room, as on a full disk; which, `refuse` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused = ""
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if disk.refused and sql.startswith(disk.refused):
                    super().execute("PRAGMA max_page_count = 1")  # no page can be added any more
                    super().execute("INSERT INTO answers SELECT hex(randomblob(9)), 'x', zeroblob(900000), x'', 0, 0")
                return super().execute(sql, *parameters)

        connect = functools.partial(sqlite3.connect, factory=Connection)
        monkeypatch.setattr("lsrv.response_cache.disk.sqlite3.connect", connect)


def test_a_purge_on_a_full_disk_deletes_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = FullDisk(monkeypatch)
    tier = DiskTier(path, MIB, DAY_S)
    tier.put("a", kept(), 0.0)
    full.refused = "DELETE"
    assert tier.purge("m")
    assert not path.exists()
    assert "disk is full" in caplog.records[-1].__dict__["reason"]
    full.refused = ""
    tier.put("b", kept(), 0.0)
    assert tier.get("b", 0.0) == kept()


def test_a_disk_that_refuses_is_told_once_until_it_works_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = FullDisk(monkeypatch)
    tier = DiskTier(path, MIB, DAY_S)
    for refused, n_told in (("INSERT", 1), ("INSERT", 1), ("", 1), ("INSERT", 2)):
        full.refused = refused
        tier.put("a", kept(), 0.0)
        assert len(caplog.records) == n_told


def test_a_disk_that_refuses_costs_the_cache_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    tier = DiskTier(tmp_path / "file" / "answers.sqlite3", MIB, DAY_S)
    tier.put("a", kept(), 0.0)
    assert tier.get("a", 0.0) is None
    assert "can't use its file" in caplog.text
