"""A Hub that never answers, and a config that is no file: they cost who asks for them, and nobody else."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.conftest import DEADLINE_S, RunningServer, StartServer, copies_of_stories, wait_until

N_HUNG = 40  # more than asyncio's own pool has threads


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """Takes every connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        yield listener


async def _asked_in_vain(server: RunningServer) -> None:
    """Many requests for models of a silent Hub; meanwhile a local one loads and answers."""
    async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as client:
        hung = [
            asyncio.create_task(client.post("/api/pull", json={"model": f"owner/model-{i}-GGUF:Q8_0"}))
            for i in range(N_HUNG)
        ]
        hung += [asyncio.create_task(client.post("/v1/models/tune", json={"model": "far"})) for _ in range(10)]
        hung.append(asyncio.create_task(client.post("/v1/completions", json={"model": "far", "prompt": "a"})))
        await asyncio.sleep(0)
        for path in ("/health", "/admin/status", "/v1/models/tiny/plan", "/v1/models"):
            assert (await client.get(path)).status_code == 200, path
        answer = await client.post("/v1/completions", json={"model": "tiny", "prompt": "Once", "max_tokens": 2})
        assert answer.status_code == 200
        assert not any(task.done() for task in hung)
        server.signal(signal.SIGTERM)
        await asyncio.wait(hung)


def test_a_silent_hub_holds_up_no_local_model_and_no_end(
    silent_hub: socket.socket, start_server: StartServer, tmp_path: Path
) -> None:
    models = [*copies_of_stories(tmp_path)[:1], {"model_id": "owner/far-GGUF", "alias": ["far"]}]
    own = start_server(models=models, server={"drain_timeout": "1s"})
    asyncio.run(_asked_in_vain(own))
    assert own.process.wait(DEADLINE_S) == 0


def test_a_config_that_became_a_pipe_is_refused_and_taken_once_it_is_a_file_again(tmp_path: Path) -> None:
    config = tmp_path / "models.toml"
    text = '[server]\nspare_workers = 0\n[[models]]\nmodel_id = "lsrv-demo"\n'
    config.write_text(text)
    own = RunningServer(str(config), {})
    try:
        config.unlink()
        os.mkfifo(config)
        refused = own.http.post("/admin/reload")
        assert refused.status_code == 400
        assert "no regular file" in refused.json()["error"]["message"]
        own.signal(signal.SIGHUP)
        wait_until(lambda: len(own.log_lines("config not reloaded")) == 2)
        config.unlink()
        config.write_text(text)
        assert own.http.post("/admin/reload").status_code == 200
    finally:
        assert own.stop() == 0
