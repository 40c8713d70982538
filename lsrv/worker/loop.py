"""The worker's one loop: commands in, engine steps, events out. Knows no socket option and no template."""

from __future__ import annotations

import os
import time

from lsrv.engine.llama.backend import Backend
from lsrv.engine.load.loading import LoadedModel, load_model
from lsrv.engine.load.memory_plan import plan_memory
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import Load, LoadParams, Plan, Stop, Unload
from lsrv.protocol.events import Loaded, LoadFailed, LoadStage, PlanFailed, Planned, Progress, Ready, Unloaded
from lsrv.worker.channel import Channel
from lsrv.worker.embedding_service import EmbeddingService
from lsrv.worker.errands.errands import Errands
from lsrv.worker.heap import return_free_memory
from lsrv.worker.service import GenerationService, Service

_HEARTBEAT_S = 1.0
_PROGRESS_S = 0.1  # llama.cpp reports every tensor


class Worker:
    """A process with at most one model. `run` returns when the parent says stop or is gone."""

    def __init__(self, channel: Channel, errands: Errands) -> None:
        self._channel = channel
        self._errands = errands
        self._backend = Backend()
        self._reported_at = 0.0

    def run(self) -> None:
        try:
            self._channel.send(self._ready())
            while self._serve_one(self._await_load()):
                return_free_memory()
                self._channel.send(Unloaded())
        except (EOFError, OSError):
            return  # the parent is gone, and so is everybody we could tell

    def _ready(self) -> Ready:
        backend = self._backend
        return Ready(
            pid=os.getpid(),
            llama_cpp_version=backend.version,
            system_info=backend.system_info,
            devices=backend.devices,
            library=backend.library,
        )

    def _await_load(self) -> LoadParams:
        while True:
            for command in self._channel.receive(_HEARTBEAT_S):
                if isinstance(command, Load):
                    return command.params
                if isinstance(command, Plan):
                    self._channel.send(self._plan(command))
                if isinstance(command, Stop):
                    raise EOFError

    def _plan(self, command: Plan) -> Planned | PlanFailed:
        try:
            return plan_memory(self._backend, command.params, command.n_ctx_seqs)
        except LoadFailedError as error:
            return PlanFailed(error.info())

    def _serve_one(self, params: LoadParams) -> bool:
        """Load a model and serve it; whether the process was told to unload it, and is fit for another one."""
        try:
            loaded = load_model(self._backend, params, self._report_progress)
            service = self._service(loaded)
        except LoadFailedError as error:
            self._channel.send(LoadFailed(error.info()))
            return False
        self._channel.send(Loaded(loaded.info))
        last = self._serve(service)
        service.close()
        if isinstance(last, Stop):
            return False
        loaded.free()
        return True

    def _service(self, loaded: LoadedModel) -> Service:
        kind = EmbeddingService if loaded.embedding else GenerationService
        return kind(loaded, self._errands, self._channel.wake)

    def _report_progress(self, stage: LoadStage, fraction: float) -> None:
        now = time.monotonic()
        if stage != "weights" or fraction >= 1 or now - self._reported_at >= _PROGRESS_S:
            self._reported_at = now
            self._channel.send(Progress(stage, fraction))

    def _serve(self, service: Service) -> Stop | Unload:
        """Serve a loaded model until told to end it; returns which way."""
        beat_at = 0.0
        while True:
            now = time.monotonic()
            if now >= beat_at:
                self._channel.send(service.heartbeat())
                beat_at = now + _HEARTBEAT_S
            for command in self._channel.receive(self._patience_s(service, now, beat_at)):
                if isinstance(command, Stop | Unload):
                    return command
                self._channel.send(*service.handle(command))
            self._errands.poll(time.monotonic())
            self._channel.send(*service.poll())
            if service.has_work:
                self._channel.send(*service.step())

    def _patience_s(self, service: Service, now: float, beat_at: float) -> float:
        """How long the loop may wait for a command."""
        if service.has_work:
            return 0
        until_late_s = self._errands.wait_s(now)
        return beat_at - now if until_late_s is None else min(beat_at - now, until_late_s)
