"""A server whose output nobody reads, or whose standard streams the shell has closed."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lsrv.cli.client import ServerClient
from lsrv.errors import ServerError
from tests.conftest import wait_until
from tests.models import STORIES

LSRV = [sys.executable, "-m", "lsrv"]
DEADLINE_S = 60
N_REQUESTS = 3000  # whose log lines fill a pipe several times


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _served(folder: Path, *, closed: str = "", text: bool = True) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server behind pipes that nobody reads, started by a shell that closes what `closed` says; and its port."""
    port = _free_port()
    command = shlex.join([*LSRV, "serve", "-m", str(STORIES), "--alias", "s", "--context", "256", "-p", str(port)])
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LSRV_")}
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command} {closed}"],
        cwd=folder,
        env=environ | {"LSRV_CACHE": str(folder / "cache")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=text,
    )
    try:
        wait_until(lambda: process.poll() is not None or _is_well(port))
        yield process, port
    finally:
        process.kill()
        process.communicate()


def _is_well(port: int) -> bool:
    try:
        return ServerClient(f"http://127.0.0.1:{port}", None).get("/health") == {"status": "ok"}
    except ServerError:
        return False


def _end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(DEADLINE_S)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_server_with_closed_streams_serves_and_ends_as_any_other(tmp_path: Path, closed: str) -> None:
    with _served(tmp_path, closed=closed) as (process, port):
        client = ServerClient(f"http://127.0.0.1:{port}", None)
        answer = client.post("/v1/completions", {"prompt": "Once", "max_tokens": 4})
        assert answer["usage"]["completion_tokens"] == 4
        streams = Path(f"/proc/{process.pid}/fd")
        assert all(str((streams / str(n)).readlink()).startswith(("/dev/null", "pipe:")) for n in range(3))
        assert _end(process) == 0


def test_a_hangup_during_the_start_reloads_and_does_not_end(tmp_path: Path) -> None:
    code = "from lsrv.hangups import hold_hangups; import os, signal; hold_hangups(); os.kill(os.getpid(), 1)\n"
    config = tmp_path / "models.toml"
    port = _free_port()
    config.write_text(f"[server]\nport = {port}\nspare_workers = 0\n[[models]]\nmodel_id = 'lsrv-demo'\n")
    said = tmp_path / "log.txt"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code + "import sys; from lsrv.cli import main; main()",
            "from-config",
            "-f",
            str(config),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said.open("w"),
        text=True,
        env=os.environ | {"LSRV_CACHE": str(tmp_path / "cache")},
    )
    try:
        wait_until(lambda: process.poll() is not None or "config reloaded" in said.read_text())
        assert _is_well(port)
        assert _end(process) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["from-config", "serve"])
def test_a_hangup_while_the_commands_are_imported_ends_no_server(command: str) -> None:
    code = (
        "import os, sys\n"
        "class Hangup:\n"  # comes with the first foreign import: nothing of the command line is there yet
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'rich_click': os.kill(os.getpid(), 1)\n"
        "sys.meta_path.insert(0, Hangup())\n"
        "from lsrv.__main__ import main; main()\n"
    )
    asked = [sys.executable, "-c", code, command, "--help"]
    ended = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S)
    assert ended.returncode == 0, ended.stderr


def test_a_server_whose_output_nobody_reads_goes_on_and_tells_what_was_lost(tmp_path: Path) -> None:
    with _served(tmp_path) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        for _ in range(N_REQUESTS):
            connection.request("GET", "/v1/models/s")
            assert connection.getresponse().read()
        connection.close()
        assert ServerClient(f"http://127.0.0.1:{port}", None).post("/v1/completions", {"prompt": "Once"})["choices"]
        assert _end(process) == 0
        assert process.stderr is not None
        assert re.search(r" info request method=GET ", process.stderr.read())
