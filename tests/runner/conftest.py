"""One Runner of the demo for all tests here, and one of the 1 MB model where a test changes what is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lsrv import Runner
from lsrv.demo import CONFIG_PATH
from tests.models import STORIES

QUIET = {"spare_workers": 0}


@pytest.fixture(scope="package")
def demo() -> Iterator[Runner]:
    with Runner.from_config(CONFIG_PATH, server=QUIET) as runner:
        yield runner


@pytest.fixture
def stories() -> Iterator[Runner]:
    with Runner(server=QUIET) as runner:
        yield runner.add_model(str(STORIES), alias="stories", context={"context_length": 256, "slots": 2})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the examples of the docs find beside them: a models.toml, and weights."""
    (tmp_path / "weights").mkdir()
    for name in ("writer", "reader"):
        (tmp_path / "weights" / f"{name}.gguf").write_bytes(STORIES.read_bytes())
    (tmp_path / "models.toml").write_text(CONFIG_PATH.read_text())
    return tmp_path
