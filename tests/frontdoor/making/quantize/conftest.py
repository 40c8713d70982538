"""A model of random weights whose rows are 256 long, another that takes seconds, and a cache of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frontdoor.making.quantize.random_model import write_random_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What LSRV_CACHE names."""
    cache = tmp_path / "lsrv-cache"
    monkeypatch.setenv("LSRV_CACHE", str(cache))
    return cache


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("random") / "random-F32.gguf")


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough that IQ3_S of it is still under way when its first progress is seen."""
    return write_random_model(tmp_path_factory.mktemp("slow") / "slow-F32.gguf", n_layers=3)
