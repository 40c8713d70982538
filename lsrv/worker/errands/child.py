"""A child process that does one errand after another, as its worker sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

import msgspec

from lsrv.environment import child_environment
from lsrv.protocol.framing import FrameSplitter, framed
from lsrv.worker.errands.errand import Errand, Outcome, outcome_decoder

_RECEIVE_BYTES = 1 << 20
_SEND_TIMEOUT = struct.pack("ll", 5, 0)  # struct timeval: a child that waits for an errand reads at once
_encode = msgspec.msgpack.Encoder().encode


class ChildDiedError(Exception):
    """The child is gone: says by which signal, or that there was none."""


class Child:
    """One process. Belongs to the engine thread: on Linux it dies with the thread that made it.

    Its first outcome says that it has started, and is owed to no errand.
    """

    def __init__(self, *, knows_grammars: bool) -> None:
        """`knows_grammars`: import their compiler before it starts. Raises OSError if no process can be started."""
        self._sock, theirs = socket.socketpair()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
        self._splitter = FrameSplitter()
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "lsrv.worker.errands"),
                    str(theirs.fileno()),
                    *(["grammars"] if knows_grammars else []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=child_environment(os.environ),
            )
        except OSError:
            self._sock.close()
            raise
        finally:
            theirs.close()

    def fileno(self) -> int:
        """The descriptor of the socket that becomes readable with an outcome, or with the child's death."""
        return self._sock.fileno()

    def send(self, errand: Errand) -> None:
        """Hand it an errand. Raises ChildDiedError."""
        try:
            self._sock.sendall(framed(_encode(errand)))
        except OSError:
            raise self._death() from None

    def receive(self, *, is_waiting: bool = False) -> list[Outcome]:
        """Outcomes that are there; `is_waiting`: at least one. Raises ChildDiedError."""
        outcomes: list[Outcome] = []
        while not outcomes:
            try:
                data = self._sock.recv(_RECEIVE_BYTES, 0 if is_waiting else socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                raise self._death()
            outcomes += [outcome_decoder.decode(body) for body in self._splitter.feed(data)]
        return outcomes

    def kill(self) -> None:
        """End it now, whatever it does; nobody waits until the system has its memory back. Idempotent."""
        self._process.kill()
        self._sock.close()
        threading.Thread(target=self._process.wait, name="reaper", daemon=True).start()

    def _death(self) -> ChildDiedError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # its socket closes a moment before
        status = self._process.poll()
        self.kill()
        return ChildDiedError(signal.Signals(-status).name if status is not None and status < 0 else "no signal")
