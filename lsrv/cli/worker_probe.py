"""Starts one worker without a model, as the server does, and hears what its build of llama.cpp says of itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile

from lsrv.errors import StartFailedError
from lsrv.protocol.events import Ready
from lsrv.protocol.framing import FrameSplitter, event_decoder

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


def probe_worker() -> Ready:
    """What a fresh worker reports. Raises StartFailedError with its last words if it dies or stays silent."""
    parent, child = socket.socketpair()
    with parent, tempfile.TemporaryFile() as words:
        with child:
            process = subprocess.Popen(
                [sys.executable, "-m", "lsrv.worker", "--fd", str(child.fileno())],
                pass_fds=[child.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env={**os.environ, "GGML_NO_BACKTRACE": "1"},
                start_new_session=True,
            )
        try:
            parent.settimeout(START_TIMEOUT_S)
            return _ready(parent)
        except (OSError, ValueError) as error:
            process.kill()
            process.wait()
            words.seek(0)
            last_words = words.read().decode(errors="replace").strip().splitlines()[-3:]
            raise StartFailedError(" / ".join([f"{error} (exit {process.returncode})", *last_words])) from error
        finally:
            parent.close()  # end of file tells the worker to go
            _stop(process)


def _ready(connection: socket.socket) -> Ready:
    splitter = FrameSplitter()
    while data := connection.recv(65536):
        for body in splitter.feed(data):
            event = event_decoder.decode(body)
            if isinstance(event, Ready):
                return event
    raise ConnectionError("it ended before it was ready")


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
