"""Both tiers together, on a real event loop and a real disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from lsrv.response_cache import CacheLimits, ResponseCache
from lsrv.response_cache.cache import FILE_NAME
from tests.response_cache import end

LIMITS = CacheLimits(ram_bytes=1 << 20, disk_bytes=1 << 20, max_age_s=86400.0)


@contextlib.asynccontextmanager
async def opened(folder: Path, limits: CacheLimits = LIMITS) -> AsyncGenerator[ResponseCache]:
    cache = ResponseCache(folder, limits)
    yield cache
    await cache.close()


def test_a_kept_answer_is_found_again_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as cache:
            assert await cache.get("m", "k") is None
            await cache.put("m", "k", [end("a")])
            assert await cache.get("m", "k") == [end("a")]
        async with opened(tmp_path) as cache:
            assert await cache.get("m", "k") == [end("a")]
            assert await cache.get("m", "k") == [end("a")]
            found = (await cache.statistics())["m"]
            assert (found.disk_hits, found.memory_hits) == (1, 1)
            assert found.memory.n_answers == found.disk.n_answers == 1

    asyncio.run(scenario())


def test_without_a_disk_nothing_is_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, CacheLimits(ram_bytes=1 << 20, disk_bytes=0, max_age_s=1e6)) as cache:
            await cache.put("m", "k", [end("a")])
            assert await cache.get("m", "k") == [end("a")]

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_without_memory_the_disk_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, CacheLimits(ram_bytes=0, disk_bytes=1 << 20, max_age_s=1e6)) as cache:
            await cache.put("m", "k", [end("a")])
            assert await cache.get("m", "k") == [end("a")]
            assert (await cache.statistics())["m"].disk_hits == 1

    asyncio.run(scenario())


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "new") as cache:
            await cache.purge("m")
            assert await cache.statistics() == {}

    asyncio.run(scenario())
    assert not (tmp_path / "new").exists()


def test_a_purge_empties_both_tiers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as cache:
            await cache.put("m", "k", [end("a")])
            await cache.put("n", "l", [end("b")])
            await cache.purge("m")
            assert await cache.get("m", "k") is None
            assert await cache.get("n", "l") == [end("b")]

    asyncio.run(scenario())


def test_a_purge_wins_over_a_read_that_is_on_its_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as cache:
            await cache.put("m", "k", [end("a")])
        async with opened(tmp_path) as cache:
            reading = asyncio.create_task(cache.get("m", "k"))
            await asyncio.sleep(0)  # it is in the disk's queue, before the purge
            await cache.purge("m")
            await reading
            assert await cache.get("m", "k") is None

    asyncio.run(scenario())


def test_a_damaged_file_is_told_from_an_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as cache:
            await cache.put("m", "k", [end("a")])
        (tmp_path / FILE_NAME).write_bytes(b"garbage" * 1000)
        async with opened(tmp_path) as cache:
            assert await cache.get("m", "k") is None
            await cache.put("m", "k", [end("b")])
        async with opened(tmp_path) as cache:
            assert await cache.get("m", "k") == [end("b")]

    asyncio.run(scenario())
