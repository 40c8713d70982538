"""One worker as the parent sees it: spawn, wait until ready, load, watch, stop, and learn how it died.

Every worker ends in exactly one place, `_end`: the process has been reaped, its socket and its pipe are closed, every
request it had has failed, and `dead` holds the reason.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import msgspec

from lsrv.environment import child_environment
from lsrv.errors import AbortedError, LsrvError, RequestError, StartFailedError, UnresponsiveError, from_info
from lsrv.protocol.commands import Abort, EndThoughts, Load, LoadParams, Plan, Request, Stop, Unload
from lsrv.protocol.events import Event, Heartbeat, Loaded, ModelInfo, Planned, Progress, Ready
from lsrv.registry.workers.death import death_error, last_words
from lsrv.registry.workers.disk_reads import DiskReads, ReadProgress
from lsrv.registry.workers.in_flight import InFlight, Receiver
from lsrv.registry.workers.link import WorkerLink
from lsrv.registry.workers.log_tail import LogTail
from lsrv.registry.workers.memory import anonymous_bytes, rss_bytes
from lsrv.registry.workers.milestones import Milestones
from lsrv.registry.workers.watchdog import Deadlines, Watchdog

# -P: the current folder, which may hold somebody's files, must not be on the import path.
WORKER_COMMAND = (sys.executable, "-P", "-m", "lsrv.worker")
_RSS_AGE_S = 1.0
_KEPT_BYTES_MAX = 16 * 1024 * 1024  # more than before its first load: a worker that keeps what it should have freed

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class WorkerProcess:
    """A child process and the frames between us. Make one with `spawn`; whoever does owes it a `stop`."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._link = WorkerLink(self._on_event, self._on_link_closed)
        self._log = LogTail()
        self._in_flight = InFlight()
        self._watchdog = Watchdog(self._last_sign_s, self._silence_limit_s, self._on_silence)
        self._reads = DiskReads()
        self._transport: asyncio.SubprocessTransport | None = None
        self._milestones = Milestones()
        self._bare_bytes: int | None = None  # what it took before its first load
        self._reason: LsrvError | None = None  # why we are ending it ourselves
        self._is_link_open = True
        self._is_process_open = True
        self._lingering: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._rss = (0, float("-inf"))
        self.dead: asyncio.Future[LsrvError] = self._loop.create_future()
        self.pid = 0
        self.label = "a worker"  # how messages call it

    @classmethod
    async def spawn(cls, command: Sequence[str], deadlines: Deadlines) -> WorkerProcess:
        """A worker that runs `command --fd N` and is on its way to Ready. Raises StartFailedError."""
        worker = cls(deadlines)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            await worker._loop.create_connection(lambda: worker._link, sock=ours)
            try:
                await worker._loop.subprocess_exec(
                    lambda: _Pipe(worker),
                    *command,
                    "--fd",
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env=child_environment(os.environ),
                )
            except BaseException as error:
                worker._link.close()
                worker._kill(StartFailedError(f"{worker.label} was not wanted any more"))
                if isinstance(error, OSError):
                    raise StartFailedError(f"can't start a worker with {' '.join(command)}: {error}") from error
                raise
        return worker

    # -- life --------------------------------------------------------------------------------------

    @property
    def is_loaded(self) -> bool:
        return self._milestones.is_loaded

    @property
    def is_dead(self) -> bool:
        return self.dead.done()

    @property
    def heartbeat(self) -> Heartbeat | None:
        """The latest one; None before the first one of a model."""
        return self._milestones.heartbeat

    @property
    def llama_cpp_version(self) -> str:
        """What it said in Ready; empty before."""
        ready = self._milestones.ready
        return ready.result().llama_cpp_version if ready.done() else ""

    async def wait_ready(self) -> Ready:
        """What the worker says of itself once llama.cpp is imported. Raises StartFailedError, also past `start_s`."""
        try:
            async with asyncio.timeout(self._deadlines.start_s):
                return await self._or_death(self._milestones.ready)
        except TimeoutError:
            raise StartFailedError(
                f"{self.label} (pid {self.pid}) was not ready within {self._deadlines.start_s:g} s",
                log=last_words(self._log.lines()),
            ) from None

    async def plan(self, params: LoadParams, n_ctx_seqs: Sequence[int] = ()) -> Planned:
        """What a load of `params` would take, exactly, for each context size; the worker can still load anything.

        One at a time, and before `load`. Raises what a load would raise, CrashedError or UnresponsiveError.
        """
        planned = self._milestones.expect_plan()
        self._link.send(Plan(params, list(n_ctx_seqs)))
        try:
            async with asyncio.timeout(self._deadlines.step_s):
                outcome = await self._or_death(planned)
        except TimeoutError:
            self._on_silence(self._deadlines.step_s)
            raise await self.dead from None
        if isinstance(outcome, Planned):
            return outcome
        raise from_info(outcome.error)

    async def load(self, params: LoadParams, on_progress: Callable[[Progress], None], n_bytes: int = 0) -> ModelInfo:
        """Put a model of `n_bytes` into the worker; 0: its size is not known.

        Raises what the worker reports, CrashedError or UnresponsiveError.
        """
        if self._bare_bytes is None:
            self._bare_bytes = anonymous_bytes(self.pid)
        else:
            self._log.clear()  # of the model before
        progress = ReadProgress(self.pid, n_bytes, on_progress)
        self._milestones.on_progress = progress.take
        self._link.last_heard_s = self._loop.time()
        self._link.send(Load(params))
        self._watchdog.start(min(self._deadlines.idle_s, self._deadlines.step_s) / 4)
        watching = asyncio.create_task(progress.watch())
        try:
            outcome = await self._or_death(self._milestones.loaded)
        finally:
            watching.cancel()
        if isinstance(outcome, Loaded):
            return outcome.info
        fields = {"log": last_words(self._log.lines())} | outcome.error.fields
        raise from_info(msgspec.structs.replace(outcome.error, fields=fields))

    async def unload(self) -> bool:
        """Have a worker without requests free its model; whether it is as good as new, and its memory really back.

        Where not, and where a device's driver keeps memory for each process, only `stop` gives it back.
        """
        if not self.is_loaded or self.is_dead or self._has_driver:
            return False
        self._watchdog.stop()
        self._link.send(Unload())
        try:
            async with asyncio.timeout(self._deadlines.stop_s):
                await self._or_death(self._milestones.unloaded)
        except TimeoutError:
            self._on_silence(self._deadlines.stop_s)
            return False
        except LsrvError:  # it died, which gives its memory back, too
            return False
        self._milestones.forget_model()
        return anonymous_bytes(self.pid) <= (self._bare_bytes or 0) + _KEPT_BYTES_MAX

    @property
    def _has_driver(self) -> bool:
        return self._milestones.ready.result().devices != ["CPU"]

    async def stop(self) -> None:
        """End the process and wait until it is gone: asked first if it holds a model, killed if it does not listen."""
        if self.is_dead:
            return
        self._reason = self._reason or AbortedError(f"{self.label} was stopped")
        if self.is_loaded:
            self._link.send(Stop())
            if await self._is_gone_within(self._deadlines.stop_s):
                return
            self._signal(signal.SIGTERM)
            if await self._is_gone_within(self._deadlines.term_s):
                return
        self._signal(signal.SIGKILL)
        if not await self._is_gone_within(self._deadlines.kill_s):
            _log.error("a worker survives SIGKILL", extra={"pid": self.pid})
            self._end()

    # -- requests ----------------------------------------------------------------------------------

    def submit(self, request: Request, receiver: Receiver) -> int:
        """Send a request; its events go to `receiver`, which fails at once if the worker is gone. Returns its id.

        Raises RequestError for values that no frame can carry.
        """
        request_id = self._in_flight.add(receiver)
        if self.is_dead:
            self._in_flight.fail_all(self.dead.result())
            return request_id
        try:
            self._link.send(msgspec.structs.replace(request, request_id=request_id))
        except (UnicodeError, OverflowError) as error:
            self._in_flight.forget(request_id)
            raise RequestError(
                f"the request holds text that is no Unicode or a number beyond 64 bits: {error}"
            ) from error
        return request_id

    def abort(self, request_id: int) -> None:
        """Forget a request, here and in the worker. Idempotent."""
        if self._in_flight.forget(request_id):
            self._link.send(Abort(request_id))

    def end_thoughts(self, request_id: int) -> bool:
        """Let a request think no longer; whether it still ran."""
        is_running = self._in_flight.has(request_id)
        if is_running:
            self._link.send(EndThoughts(request_id))
        return is_running

    def end_requests(self, error: LsrvError) -> None:
        """Fail every request with `error`; for a worker that is about to be stopped."""
        self._in_flight.fail_all(error)

    # -- what others may ask -----------------------------------------------------------------------

    def log_lines(self) -> list[str]:
        """The last lines the process wrote to stdout and stderr."""
        return self._log.lines()

    def rss_bytes(self) -> int:
        """Resident memory, at most a second old; 0 once the process is gone."""
        n_bytes, at_s = self._rss
        if self._loop.time() - at_s >= _RSS_AGE_S:
            n_bytes = 0 if self.is_dead else rss_bytes(self.pid)
            self._rss = (n_bytes, self._loop.time())
        return n_bytes

    # -- what the link, the watchdog and the process report ----------------------------------------

    def _on_event(self, event: Event) -> None:
        if not self._milestones.take(event):
            self._in_flight.dispatch(event)

    def _last_sign_s(self) -> float:
        """When the worker was last heard, or the system last read something for it."""
        if self._reads.have_moved(self.pid):
            self._link.last_heard_s = self._loop.time()
        return self._link.last_heard_s

    def _silence_limit_s(self) -> float | None:
        if self._reason is not None:
            return None
        is_working = not self._milestones.loaded.done() or len(self._in_flight) > 0
        return self._deadlines.step_s if is_working else self._deadlines.idle_s

    def _on_silence(self, limit_s: float) -> None:
        self._kill(UnresponsiveError(f"{self.label} was silent for {limit_s:g} s and was killed"))

    def _on_link_closed(self, nonsense: str | None) -> None:
        self._is_link_open = False
        if nonsense is not None:
            self._kill(UnresponsiveError(f"{self.label} was killed: {nonsense}"))
        self._end_or_linger()

    def on_started(self, transport: asyncio.SubprocessTransport) -> None:
        """Take in that the process runs."""
        self._transport = transport
        self.pid = transport.get_pid()
        if self._reason is not None:  # whoever spawned it has been cancelled meanwhile
            self._signal(signal.SIGKILL)

    def on_output(self, data: bytes) -> None:
        """The process wrote to stdout or stderr."""
        self._log.feed(data)

    def on_exit(self) -> None:
        """The process has been reaped; its descriptors may still be open."""
        self._end_or_linger()

    def on_closed(self) -> None:
        """The process has been reaped and its pipe is at its end."""
        self._is_process_open = False
        self._end_or_linger()

    # -- death -------------------------------------------------------------------------------------

    def _kill(self, reason: LsrvError) -> None:
        """End the process by force. Its requests fail in `_end`, so that whoever asks anew finds it gone."""
        if self._reason is None and not self.is_dead:
            reason.fields["log"] = last_words(self._log.lines())
            self._reason = reason
            self._signal(signal.SIGKILL)
            self._giving_up = self._loop.call_later(self._deadlines.kill_s, self._end)

    def _end_or_linger(self) -> None:
        """End once both halves are gone; a half that stays behind gets `linger_s`, then it is ended too."""
        if not self._is_link_open and not self._is_process_open:
            self._end()
        elif self._lingering is None and not self.is_dead:
            self._lingering = self._loop.call_later(self._deadlines.linger_s, self._end_lingering)

    def _end_lingering(self) -> None:
        if self._transport is not None and self._transport.get_returncode() is None:
            self._lingering = None
            self._kill(UnresponsiveError(f"{self.label} closed its socket but lived on, and was killed"))
            return
        self._end()

    def _end(self) -> None:
        if self.is_dead:
            return
        self._watchdog.stop()
        for timer in (self._lingering, self._giving_up):
            if timer is not None:
                timer.cancel()
        error = self._reason or self._death()
        self.dead.set_result(error)
        self._in_flight.fail_all(error)
        self._link.close()
        if self._transport is not None:
            self._transport.close()

    def _death(self) -> LsrvError:
        exit_status = self._transport.get_returncode() if self._transport is not None else None
        was_ready = self._milestones.ready.done()
        doing = "while it served" if self.is_loaded else "while it loaded" if was_ready else "while it started"
        return death_error(self.label, doing, exit_status or 0, self._log.lines(), was_ready=was_ready)

    async def _is_gone_within(self, timeout_s: float) -> bool:
        await asyncio.wait({self.dead}, timeout=timeout_s)
        return self.is_dead

    async def _or_death(self, future: asyncio.Future[_Answer]) -> _Answer:
        await asyncio.wait({future, self.dead}, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        raise self.dead.result()

    def _signal(self, number: signal.Signals) -> None:
        if self._transport is not None and self._transport.get_returncode() is None:
            self._transport.send_signal(number)


class _Pipe(asyncio.SubprocessProtocol):
    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._worker.on_started(cast("asyncio.SubprocessTransport", transport))

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        self._worker.on_output(cast("bytes", data))

    def process_exited(self) -> None:
        self._worker.on_exit()

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker.on_closed()
