"""Registries over scripted workers: real processes and sockets, no model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from lsrv.config import ModelSettings, ServerSettings, Settings
from lsrv.errors import WeightsNotFoundError
from lsrv.frontdoor import Weights, read_header
from lsrv.frontdoor.building import Cancel, OnProgress
from lsrv.registry import Deadlines, Registry, RegistryEvent
from tests.models import STORIES

SCRIPTED_WORKER = (sys.executable, str(Path(__file__).with_name("scripted_worker.py")))
IMPATIENT = Deadlines(start_s=5.0, idle_s=1.0, step_s=1.0, stop_s=0.3, term_s=0.3, linger_s=0.3)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


HEADER = read_header(STORIES)


class House:
    """Makes registries whose models are scripts: `house.registry("slow", "die_at_load")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.verdicts_path = folder / "verdicts.json"
        self.events: list[RegistryEvent] = []  # of loads and workers
        self.statuses: list[str] = []

    def note(self, event: RegistryEvent) -> None:
        if event.kind == "status":
            self.statuses.append(f"{event.model_id} {event.status}")
        else:
            self.events.append(event)

    def write(self, script: str, content: bytes = b"weights") -> Path:
        path = self.folder / f"{script}.gguf"
        path.write_bytes(content)
        return path

    def prepare(self, model: ModelSettings, on_progress: OnProgress, cancel: Cancel) -> Weights:
        path = self.folder / f"{model.model_id}.gguf"
        if not path.exists():
            raise WeightsNotFoundError(f"no weights at {path}")
        n_ctx_train = next((int(word[5:]) for word in path.stem.split("+") if word.startswith("train")), 4096)
        header = replace(HEADER, n_ctx_train=n_ctx_train)
        return Weights(path, (path,), path.stat().st_size, "F16", "test", "the only one", header)

    @contextlib.asynccontextmanager
    async def registry(
        self,
        *scripts: str,
        server: dict[str, Any] | None = None,
        command: tuple[str, ...] = SCRIPTED_WORKER,
        deadlines: Deadlines = IMPATIENT,
        **entry: Any,
    ) -> AsyncIterator[Registry]:
        """Started; closed at the end, after which no child and no task may be left."""
        for script in scripts:
            self.write(script)
        settings = Settings(
            server=ServerSettings(**({"spare_workers": 0} | (server or {}))),
            models=tuple(ModelSettings(model_id=script, **entry) for script in scripts),
        )
        registry = Registry(
            settings,
            on_event=self.note,
            prepare=self.prepare,
            worker_command=command,
            deadlines=deadlines,
            verdicts_path=self.verdicts_path,
        )
        tasks = asyncio.all_tasks()
        await registry.start()
        try:
            yield registry
        finally:
            async with asyncio.timeout(10):
                await registry.close()
            await asyncio.sleep(0)
            assert not worker_pids(), "close() left a worker"
            assert asyncio.all_tasks() <= tasks, "close() left a task"


def worker_pids() -> list[int]:
    """Living workers of this process; a server that other tests share is a child of it, too, but no worker."""
    children = psutil.Process().children()
    return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE and "--fd" in child.cmdline()]


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait for a condition that another task brings about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # conditions here are about processes, which set no event
            await asyncio.sleep(0.005)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return House(tmp_path)
