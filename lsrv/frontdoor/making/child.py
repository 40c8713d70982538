"""Both ends of a build step in a process of its own: its memory comes back, and a crash of it is an error, no more.

The parent sends an order as JSON on the child's stdin and reads reports as JSON lines from a pipe; stderr is the log,
whose last lines become part of the error. A child dies with its parent, has no network and sees no keys or tokens.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from lsrv.environment import child_environment
from lsrv.errors import BuildError, ErrorInfo, LsrvError, from_info
from lsrv.frontdoor.progress import BuildProgress, Cancel, OnBuildProgress, Stage
from lsrv.survival import prepare_process

_N_LOG_LINES = 12
_CANCEL_EVERY_S = 0.2
_REPORT_EVERY_S = 0.2
_NETWORK_EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request"})

Order = TypeVar("Order", bound=msgspec.Struct)


@dataclass(frozen=True)
class ChildStep:
    """What runs (`python -m module`), how its progress is shown, and which error it is when the process dies."""

    module: str
    stage: Stage
    what: str  # for people, as BuildProgress.what
    error: type[BuildError]


class _Progress(msgspec.Struct, frozen=True, tag="progress"):
    n_bytes: int
    n_bytes_total: int


class _Failed(msgspec.Struct, frozen=True, tag="failed"):
    error: ErrorInfo


_DECODER = msgspec.json.Decoder(_Progress | _Failed)

# --- the parent's end ---


def run_child(step: ChildStep, order: msgspec.Struct, on_progress: OnBuildProgress, cancel: Cancel | None) -> None:
    """Run `step` on `order` to its end. Blocking; what it makes is on disk, where `order` says.

    Raises the very LsrvError that the child raised; `step.error` with the signal or exit code and the last log lines
    (fields: log, signal or exit_code) if it died; BuildCancelledError within a moment of `cancel`, the child gone.
    """
    log: deque[str] = deque(maxlen=_N_LOG_LINES)
    failure: ErrorInfo | None = None
    with _started(step.module, order) as (process, reports, stderr):
        for source, line in _lines({reports, stderr}, cancel):
            if source == stderr:
                log.append(line.decode("utf-8", "replace"))
            elif isinstance(report := _DECODER.decode(line), _Failed):
                failure = report.error
            else:
                on_progress(BuildProgress(step.stage, step.what, report.n_bytes, report.n_bytes_total))
        exit_code = process.wait()
    if failure is not None:
        raise from_info(failure)
    if exit_code:
        raise _death(step, exit_code, [line for line in log if line.strip(". ")])


@contextlib.contextmanager
def _started(module: str, order: msgspec.Struct) -> Generator[tuple[subprocess.Popen[bytes], int, int], None, None]:
    """The process with the descriptors of its reports and its log; it is gone when the block is left, however."""
    reports, write_end = os.pipe()
    # -P: a folder with somebody's files must never be on the import path.
    command = [sys.executable, "-P", "-m", module, str(write_end)]
    environ = child_environment(os.environ) | {"HF_HUB_OFFLINE": "1"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(write_end,),
            env=environ,
            start_new_session=True,
        )
    except OSError:
        os.close(reports)
        raise
    finally:
        os.close(write_end)
    assert process.stdin is not None and process.stderr is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died at once: the exit code says how
            process.stdin.write(msgspec.json.encode(order))
            process.stdin.close()
        yield process, reports, process.stderr.fileno()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        os.close(reports)


def _lines(descriptors: set[int], cancel: Cancel | None) -> Iterator[tuple[int, bytes]]:
    """(descriptor, line) as they come, until all of `descriptors` have ended. Raises BuildCancelledError."""
    rests = dict.fromkeys(descriptors, b"")
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            if cancel is not None:
                cancel.check()
            for key, _ in selector.select(_CANCEL_EVERY_S):
                chunk = os.read(key.fd, 65536)
                *lines, rests[key.fd] = (rests[key.fd] + chunk).split(b"\n")
                yield from ((key.fd, line) for line in lines)
                if not chunk:
                    selector.unregister(key.fd)
    yield from ((descriptor, rest) for descriptor, rest in rests.items() if rest)


def _death(step: ChildStep, exit_code: int, log: list[str]) -> BuildError:
    tail = f" Its last words: {' | '.join(log)}" if log else ""
    start = f"{step.stage} {step.what}: the process"
    if exit_code > 0:
        return step.error(f"{start} ended with exit code {exit_code}.{tail}", log=log, exit_code=exit_code)
    name = signal.Signals(-exit_code).name
    mend = (
        "most often memory ran out: end other programs, or take a smaller model"
        if name == "SIGKILL"
        else "the fault is in native code: `lsrv doctor` checks this build of llama.cpp; update or rebuild it"
    )
    return step.error(f"{start} died of {name}; {mend}.{tail}", log=log, signal=name)


# --- the child's end ---


class StepReport:
    """How the child tells its parent. Any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next_at = 0.0

    def progress(self, n_bytes: int, n_bytes_total: int) -> None:
        """Say how far it is; all but the last of many calls a second are dropped. 0 in total: not known."""
        now = time.monotonic()
        if now >= self._next_at or n_bytes == n_bytes_total:
            self._next_at = now + _REPORT_EVERY_S
            self._send(_Progress(n_bytes, n_bytes_total))

    def fail(self, error: LsrvError) -> None:
        self._send(_Failed(error.info()))

    def _send(self, report: _Progress | _Failed) -> None:
        try:
            os.write(self._descriptor, msgspec.json.encode(report) + b"\n")
        except BrokenPipeError:  # the parent is gone, where the kernel does not see to that by itself (macOS)
            os._exit(1)


def child_main(order_type: type[Order], work: Callable[[Order, StepReport], None]) -> None:
    """The whole of a child's `__main__`: read the order, do the work, report a failure, leave."""
    prepare_process()
    sys.addaudithook(_refuse_network)
    report = StepReport(int(sys.argv[1]))
    try:
        work(msgspec.json.decode(sys.stdin.buffer.read(), type=order_type), report)
    except LsrvError as error:
        report.fail(error)
        os._exit(1)
    # No interpreter shutdown: the kernel frees gigabytes faster than destructors do.
    sys.stderr.flush()
    os._exit(0)


def _refuse_network(event: str, _arguments: tuple[object, ...]) -> None:
    if event in _NETWORK_EVENTS:
        raise PermissionError(f"a build step may not use the network ({event})")
