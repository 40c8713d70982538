"""The files that one streaming chat request passes, from socket to sampler and back, in any tree of lsrv."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import psutil

from tests.models import STORIES

_DEADLINE_S = 60.0
_START = "from lsrv.cli import main; main()"
_TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
_SETTINGS = """
[server]
port = {port}
spare_workers = 0
[[models]]
model_id = "{model}"
alias = ["m"]
chat_template = "{template}"
context = {{ context_length = 256, slots = 1 }}
device = {{ threads = 1, threads_batch = 1 }}
"""
_CHAT = {
    "model": "m",
    "messages": [{"role": "user", "content": "Once upon a time"}],
    "stream": True,
    "max_tokens": 16,
    "temperature": 0.8,  # a greedy request would need no sampler chain
}


@dataclass(frozen=True)
class Passage:
    """Files below lsrv/ of which the server, and the worker with its own child, called a function."""

    server: frozenset[str]
    worker: frozenset[str]
    n_resolved: int  # look-ups of names in the server

    @property
    def files(self) -> frozenset[str]:
        return self.server | self.worker


def trace_chat(tree: Path, python: Path | str) -> Passage:
    """Serve a model of 1 MB from `tree` with `python`, and follow the third of three equal requests to it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tracer = folder / "tracer"
        tracer.mkdir()
        shutil.copy(Path(__file__).with_name("tracer.py"), tracer / "sitecustomize.py")
        with _server(tree, python, folder) as url:
            for _ in range(2):
                _chat(url)
            (tracer / "begin").touch()
            _wait(lambda: _have_all(tracer, "began"), "all processes listen to the tracer")
            _chat(url)
            (tracer / "end").touch()
            _wait(lambda: _have_all(tracer, "json"), "all processes have written their notes")
        notes = [json.loads(path.read_text()) for path in tracer.glob("*.json")]
    [server] = [each for each in notes if _START in each["command"]]
    worker = frozenset(file for each in notes if each is not server for file in each["files"])
    return Passage(frozenset(server["files"]), worker, server["resolved"])


def _have_all(tracer: Path, suffix: str) -> bool:
    """Whether every living process with the tracer in it has written its file of that kind."""
    pids = [int(path.stem) for path in tracer.glob("*.pid")]
    return all((tracer / f"{pid}.{suffix}").exists() for pid in pids if psutil.pid_exists(pid))


@contextlib.contextmanager
def _server(tree: Path, python: Path | str, folder: Path) -> Iterator[str]:
    """The server of `tree` with the tracer in it and in its worker; its URL."""
    (folder / "plain.jinja").write_text(_TEMPLATE)
    settings = folder / "models.toml"
    port = _free_port()
    settings.write_text(_SETTINGS.format(port=port, model=STORIES, template=folder / "plain.jinja"))
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(folder / "tracer"), str(tree)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LSRV_CACHE": str(folder / "cache"),
    }
    command = [str(python), "-c", _START, "from-config", "-f", str(settings)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: process.poll() is not None or _is_up(url), "the server answers")
        assert process.poll() is None, (folder / "log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(_DEADLINE_S)


def _chat(url: str) -> None:
    answer = httpx.post(f"{url}/v1/chat/completions", json=_CHAT, timeout=_DEADLINE_S)
    assert answer.text.endswith("data: [DONE]\n\n"), answer.text


def _is_up(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/health").status_code == 200
    return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.02)
