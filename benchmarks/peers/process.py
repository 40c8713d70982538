"""A server as a child process: started on a free loopback port, waited for, and always stopped."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self

HOST = "127.0.0.1"
_POLL_S = 0.005
_STOP_S = 20.0
_LOG_TAIL_BYTES = 2000


class ServerFailedError(Exception):
    """A server did not start, or died. The message carries the end of its log."""


class ServerProcess:
    """One server. `make_command(port, folder)` gives its command line; `folder` is its own and goes with it.

    Use as a context manager: it enters when `ready_path` answers 200, and leaves no process behind.
    """

    def __init__(
        self,
        name: str,
        make_command: Callable[[int, Path], Sequence[str]],
        *,
        environ: Mapping[str, str] = {},
        ready_path: str = "/health",
        start_timeout_s: float = 120.0,
    ) -> None:
        self.name = name
        self.port = free_port()
        self.start_s = 0.0  # from the start of the process to the first 200 of `ready_path`
        self._folder = Path(tempfile.mkdtemp(prefix="lsrv-bench-"))
        self._command = list(make_command(self.port, self._folder))
        own = {"XDG_STATE_HOME": str(self._folder / "state"), "LSRV_CACHE": str(self._folder / "cache")}
        self._environ = {**os.environ, **own, **environ}
        self._ready_path = ready_path
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, _leave)  # or a benchmark that is ended would leave its servers behind
        self._start()
        return self

    def restart(self) -> None:
        """A new process of the same command, on the same port, with what the old one left in its folder."""
        self._end()
        self._start()

    def _start(self) -> None:
        started = time.perf_counter()
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )
        try:
            self._wait_ready(started + self._start_timeout_s)
        except BaseException:
            self.stop()
            raise
        self.start_s = time.perf_counter() - started

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, and delete its folder."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        """SIGTERM, then SIGKILL for its whole session."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET; raises OSError if nobody answers."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of a JSON POST; raises OSError if nobody answers."""
        return self._ask("POST", path, body)

    def log_tail(self) -> str:
        """The last lines the server wrote."""
        return self._log_path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()

    @property
    def _log_path(self) -> Path:
        return self._folder / "server.log"

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body, {"content-type": "application/json"} if body is not None else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _wait_ready(self, deadline: float) -> None:
        assert self._process is not None
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise ServerFailedError(f"{self.name} ended with {self._process.returncode}:\n{self.log_tail()}")
            try:
                if self.get(self._ready_path)[0] == http.client.OK:
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(_POLL_S)
        raise ServerFailedError(f"{self.name} was not ready in {self._start_timeout_s:.0f} s:\n{self.log_tail()}")


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
