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
from lsrv.frontdoor.progress import Cancel, OnBuildProgress
from lsrv.registry import Deadlines, Registry, RegistryEvent, assemble
from tests.models import STORIES

SCRIPTED_WORKER = (sys.executable, str(Path(__file__).with_name("scripted_worker.py")))
_DEADLINES = Deadlines()  # those of a real server: a busy machine lets the best worker wait for a second
# For workers whose script keeps them from meeting a deadline.
SHORT_SILENCE = Deadlines(idle_s=1.0, step_s=1.0)
SHORT_STOP = Deadlines(stop_s=0.3, term_s=0.3)
_PATIENCE_S = 60.0


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


HEADER = read_header(STORIES)


class ScriptedModels:
    """Makes registries whose models are scripts: `scripted.registry("slow", "die_at_load")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cpu_faults_file = folder / "verdicts.json"
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

    def prepare(self, model: ModelSettings, on_progress: OnBuildProgress, cancel: Cancel) -> Weights:
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
        deadlines: Deadlines = _DEADLINES,
        **entry: Any,
    ) -> AsyncIterator[Registry]:
        """Started; closed at the end, after which no child and no task may be left."""
        for script in scripts:
            self.write(script)
        settings = Settings(
            server=ServerSettings(**({"spare_workers": 0} | (server or {}))),
            models=tuple(ModelSettings(model_id=script, **entry) for script in scripts),
        )
        registry = assemble(
            settings,
            on_event=self.note,
            prepare=self.prepare,
            worker_command=command,
            deadlines=deadlines,
            cpu_faults_file=self.cpu_faults_file,
        )
        tasks = asyncio.all_tasks()
        await registry.start()
        try:
            yield registry
        finally:
            async with asyncio.timeout(_PATIENCE_S):
                await registry.close()
            await asyncio.sleep(0)
            assert not worker_pids(), "close() left a worker"
            assert asyncio.all_tasks() <= tasks, "close() left a task"


def worker_pids() -> list[int]:
    """Living workers of this process; a server that other tests share is a child of it, too, but no worker."""
    return [child.pid for child in psutil.Process().children() if _is_worker(child)]


def _is_worker(child: psutil.Process) -> bool:
    try:
        return child.status() != psutil.STATUS_ZOMBIE and "--fd" in child.cmdline()
    except psutil.NoSuchProcess:  # it has ended since it was listed, or between both questions
        return False


async def until(condition: Callable[[], object], timeout_s: float = _PATIENCE_S) -> None:
    """Wait for a condition that another task brings about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # conditions here are about processes, which set no event
            await asyncio.sleep(0.005)


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedModels:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return ScriptedModels(tmp_path)
