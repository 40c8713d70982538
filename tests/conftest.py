"""A real server on a real port with real workers, and clients of it.

`server` is shared by the whole run, and every test that uses it is held to leave it as it was found. `start_server`
gives one of your own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import openai
import psutil
import pytest

from tests.hub_server import HubServer
from tests.models import STORIES

ROOT = Path(__file__).parent.parent
DEADLINE_S = 60.0

TINY = "tiny"  # stories260K: 512 tokens of context, 4 slots
OTHER = "other/tiny:b"  # the same weights under an id with a slash and a colon
EMBEDDING = "tiny-embedding"

# The demo has none of its own: it continues stories.
CHAT_TEMPLATE = "{% for message in messages %}{{ message.content }}{% if not loop.last %} {% endif %}{% endfor %}"


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Tests that run behind nohup or `&` go on to ignore Ctrl-C, but the programs they start don't inherit that.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the cache of the person who runs it."""
    os.environ["LSRV_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def wait_until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as `condition()` is true; fail the test when `deadline_s` has passed."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.01)


def copies_of_stories(folder: Path) -> list[dict[str, Any]]:
    """Three entries, each with its own file, for an entry's model_id is its path."""
    entries: list[dict[str, Any]] = []
    template = folder / "plain.jinja"
    template.write_text(CHAT_TEMPLATE)
    for alias, kind in ((TINY, "text"), (OTHER, "text"), (EMBEDDING, "embedding")):
        path = folder / f"{len(entries)}.gguf"
        path.write_bytes(STORIES.read_bytes())
        context = {"context_length": 512, "slots": 4}
        entries.append(
            {
                "model_id": str(path),
                "alias": [alias],
                "kind": kind,
                "context": context,
                "device": {"threads": 1, "threads_batch": 1},  # spinning threads starve each other on a busy machine
                "chat_template": str(template),
            }
        )
    return entries


class RunningServer:
    """A server process; `url` has no trailing slash. `settings`: models.toml as an object, or the path of one."""

    def __init__(self, settings: dict[str, Any] | str, limits: dict[str, Any]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # read for as long as the server is
        command = [sys.executable, "-m", "tests.serve", json.dumps({"settings": settings, "limits": limits})]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.log
        self.host, self.port = urlsplit(self.url).hostname or "", urlsplit(self.url).port or 0
        self.http = httpx.Client(base_url=self.url, timeout=DEADLINE_S)

    @property
    def log(self) -> str:
        """Everything it has written to stderr. A thread of the server writes it: wait until that has nothing left."""
        n_bytes = -1
        while n_bytes != (n_bytes := os.fstat(self._log.fileno()).st_size):
            time.sleep(0.05)
        self._log.seek(0)
        return self._log.read().decode()

    def log_lines(self, message: str) -> list[dict[str, Any]]:
        """Its log lines with that message."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def openai(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(**self._client_options(options))

    def async_openai(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(**self._client_options(options))

    def _client_options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"base_url": f"{self.url}/v1", "api_key": "none", "max_retries": 0, "timeout": DEADLINE_S} | options

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of `name` that carry `labels`."""
        total = 0.0
        for line in self.http.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            has_labels = all(f'{key}="{label}"' in series for key, label in labels.items())
            if series.partition("{")[0] == name and has_labels:
                total += float(value)
        return total

    def model_path(self, alias: str) -> str:
        """The canonical id behind an alias."""
        return str(self.http.get(f"/v1/models/{alias}").json()["root"])

    def worker_pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code; a server that does not go is killed."""
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class SharedServer(RunningServer):
    """The server of the whole run."""

    def state(self) -> dict[str, Any]:
        """What a test must give back as it was: names, adapters, the default, switches, no request in progress.

        Whether a model is in memory is no part of it: requests load them.
        """
        status = self.http.get("/admin/status").json()
        listed = [model["id"] for model in self.http.get("/v1/models").json()["data"]]
        kept = ("id", "is_pinned", "is_held", "is_removed", "n_running", "n_waiting", "error")
        models = [{name: model[name] for name in kept} for model in status["models"]]
        disabled = [model["id"] for model in status["models"] if model["status"] == "disabled"]
        default = status["default_model_id"]
        return {"listed": listed, "default": default, "disabled": disabled, "models": models}


StartServer = Callable[..., RunningServer]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    """One server for all tests: models TINY, OTHER and EMBEDDING, loaded on first use."""
    running = SharedServer(
        {"server": {"port": 0, "spare_workers": 0}, "models": copies_of_stories(tmp_path_factory.mktemp("models"))}, {}
    )
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _shared_server_is_left_as_found(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that changed it is told so itself, and not by one that runs hours later."""
    server = request.getfixturevalue("server") if "server" in request.fixturenames else None
    found = server.state() if isinstance(server, SharedServer) else None
    yield
    if isinstance(server, SharedServer) and server.state() != found:
        with contextlib.suppress(AssertionError):  # what the test has begun may take a moment to end
            wait_until(lambda: server.state() == found, deadline_s=10)
        assert server.state() == found


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers of your own: `start_server(server={…}, models=[…], limits={…})`; all are stopped at the end."""
    started: list[RunningServer] = []

    def start(
        *,
        server: dict[str, Any] | None = None,
        models: list[dict[str, Any]] | None = None,
        limits: dict[str, Any] | None = None,
        **top: Any,
    ) -> RunningServer:
        settings = {"server": {"port": 0, "spare_workers": 0, "drain_timeout": "5s"} | (server or {})} | top
        settings["models"] = copies_of_stories(tmp_path)[:1] if models is None else models
        started.append(RunningServer(settings, limits or {}))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def client(server: RunningServer) -> openai.OpenAI:
    """OpenAI's own client of the shared server."""
    return server.openai()


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    """A Hugging Face Hub on loopback without repositories; point clients at it with `environment`."""
    with HubServer() as running:
        yield running
