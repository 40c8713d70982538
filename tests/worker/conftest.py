"""A real worker process at the other end of a real socket pair."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from lsrv.protocol.commands import Command, Load, LoadParams
from lsrv.protocol.events import Event, Heartbeat, Loaded, Ready
from lsrv.protocol.framing import FrameSplitter, encode_command, event_decoder
from lsrv.registry import WORKER_COMMAND
from tests.models import STORIES

_DEADLINE_S = 60.0


class WorkerUnderTest:
    """Sends commands, reads events; heartbeats are left out unless asked for."""

    def __init__(self, *prefix: str) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(_DEADLINE_S)
        command = [*prefix, *WORKER_COMMAND, "--fd", str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self._splitter = FrameSplitter()
        self._events: list[Event] = []

    def send(self, *commands: Command) -> None:
        self.sock.sendall(b"".join(encode_command(command) for command in commands))

    def next(self, *, has_heartbeats: bool = False) -> Event:
        while True:
            while self._events:
                event = self._events.pop(0)
                if has_heartbeats or not isinstance(event, Heartbeat):
                    return event
            data = self.sock.recv(1 << 20)
            if not data:
                raise EOFError("the worker hung up")
            self._events += [event_decoder.decode(body) for body in self._splitter.feed(data)]

    @property
    def n_unread(self) -> int:
        """Events that came with the last one."""
        return len(self._events)

    def load(self, **params: object) -> Loaded:
        given: dict[str, object] = {"model_path": str(STORIES), "n_ctx_seq": 256, "n_slots": 2, "n_threads": 1}
        self.send(Load(LoadParams(**(given | params))))
        while not isinstance(event := self.next(), Loaded):
            pass
        return event


StartWorker = Callable[..., WorkerUnderTest]


@pytest.fixture
def start_worker() -> Iterator[StartWorker]:
    workers: list[WorkerUnderTest] = []

    def start(*prefix: str) -> WorkerUnderTest:
        worker = WorkerUnderTest(*prefix)
        workers.append(worker)
        assert isinstance(worker.next(), Ready)
        return worker

    yield start
    for worker in workers:
        worker.sock.close()
        worker.process.kill()
        worker.process.wait(_DEADLINE_S)


@pytest.fixture
def worker(start_worker: StartWorker) -> WorkerUnderTest:
    """A worker with the demo model: two slots of 256 tokens."""
    worker = start_worker()
    worker.load()
    return worker
