"""`python -m lsrv.worker.errands FD [grammars]`: the child's end. Errands in, outcomes out, until the worker goes."""

from __future__ import annotations

import gc
import importlib
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

import msgspec

from lsrv.protocol.framing import FrameSplitter, framed
from lsrv.survival import prepare_process
from lsrv.worker.errands.desk import STACK_BYTES, Desk
from lsrv.worker.errands.errand import LIMIT_S, Outcome, errand_decoder

_RECEIVE_BYTES = 1 << 20
_MEMORY_BYTES = 512 * 1024 * 1024  # for all errands; of what is left over the system would kill the child first
_encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    prepare_process()
    if "grammars" in sys.argv:
        importlib.import_module("lsrv.worker.errands.grammars")
    gc.freeze()  # modules live as long as the process
    _limit_memory()
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=_serve, args=(socket.socket(fileno=int(sys.argv[1])),))
    thread.start()
    thread.join()
    os._exit(0)


def _serve(sock: socket.socket) -> None:
    desk, splitter = Desk(), FrameSplitter()
    sock.sendall(framed(_encode(desk.greeting)))
    while data := sock.recv(_RECEIVE_BYTES):
        for body in splitter.feed(data):
            sock.sendall(framed(_encode(_timed(desk, body))))


def _timed(desk: Desk, body: bytes) -> Outcome:
    """The outcome of an errand, which ends the process with SIGPROF when it takes longer than it may.

    The kernel's clock of processor time: it strikes inside of any call, and a busy machine costs nobody his time.
    """
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        return desk.do(errand_decoder.decode(body))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory() -> None:
    if sys.platform != "linux":  # others don't enforce it
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]  # ours must not exceed the machine's
    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = n_pages * resource.getpagesize() + STACK_BYTES + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *limits]), hard))


main()
