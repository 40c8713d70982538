"""One entry at work: its settings, its state, and the worker behind it. Performs the effects its state asks for."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Literal

from lsrv.config import ModelSettings
from lsrv.errors import ErrorInfo, LsrvError, from_info
from lsrv.protocol.events import Progress
from lsrv.registry.entries.effects import Effect, EndRequests, StartLoad, StopAttempt
from lsrv.registry.entries.happenings import Died, EntryLimits, Happening, LoadDone, LoadLost, Stopped
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.state import EntryState
from lsrv.registry.entries.unload_reason import UNLOAD_CAUSES
from lsrv.registry.entries.view import EntryView, WeightsView, WorkerLog, capabilities_of, endpoint_status, status
from lsrv.registry.entries.watchers import RegistryEvent
from lsrv.registry.loading.failure import Failure
from lsrv.registry.loading.loader import Admission, LoadedWorker, Loader, LoadLostError
from lsrv.registry.memory.budget import of_process
from lsrv.registry.offered_adapters import OfferedAdapters

_log = logging.getLogger(__name__)


class Entry:
    """Owned by the registry's run loop. What its tasks find out goes back through `post`, never into the state."""

    def __init__(
        self,
        settings: ModelSettings,
        drain_timeout_s: float,
        *,
        loader: Loader,
        post: Callable[[Entry, Happening], None],
        on_event: Callable[[RegistryEvent], None],
        admission: Callable[[Entry], Admission],
        created: int,
    ) -> None:
        limits = limits_of(settings, drain_timeout_s)
        self.settings = settings
        self.state = EntryState(
            settings.listed_id, limits, is_enabled=settings.enabled, n_slots=settings.context.slots or 1
        )
        self.loaded: LoadedWorker | None = None
        self.adapters = OfferedAdapters(settings)
        self._loader = loader
        self._post = post
        self._on_event = on_event
        self._admission = admission
        self._created = created
        self._load_task: asyncio.Task[None] | None = None
        self._stop_task: asyncio.Task[None] | None = None
        self.progress: Progress | None = None
        self.n_loads = 0
        self.last_load_s: float | None = None  # of the wait for it, memory and weights included
        self.reload_s: float | None = None  # of the work: what it costs to have it back
        self.last_log: WorkerLog | None = None  # of the worker before the present one

    @property
    def is_serving(self) -> bool:
        """Whether it takes requests: it is neither switched off nor on its way out."""
        return self.state.is_enabled and not self.state.is_removed

    def handle(self, happening: Happening, now_s: float) -> list[Effect]:
        """Pass `happening` to the state. A dead worker is let go here, so that state and worker change together."""
        if isinstance(happening, Died) and self.loaded is not None and self.loaded.worker.is_dead:
            self.loaded = None
        before = status(self.state)
        effects = self.state.handle(happening, now_s)
        if status(self.state) != before and not self.state.is_removed:
            self._tell_status()
        return effects

    def _tell_status(self) -> None:
        state = self.state
        word = status(state)
        self._on_event(
            RegistryEvent(
                kind="status",
                model_id=self.settings.model_id,
                listed_id=self.settings.listed_id,
                status=word,
                error=failure.error if (failure := state.mishaps.failure) is not None else None,
                load_s=self.last_load_s if word == "loaded" else None,
                reason=state.stop_reason if state.phase is Phase.STOPPING else "",
            )
        )

    def configure(self, settings: ModelSettings) -> None:
        """Take new settings; the next load goes by them. The state hears of it by `Configured`."""
        self.adapters.configure(self.settings, settings)
        self.settings = settings
        self.state.listed_id = settings.listed_id

    def perform(self, effect: StartLoad | EndRequests | StopAttempt) -> None:
        """Begin what `effect` asks for; returns at once."""
        match effect:
            case StartLoad(attempt, known_bad):
                self._load_task = asyncio.create_task(self._load(attempt, known_bad))
            case EndRequests(_, error):
                if self.loaded is not None:
                    self.loaded.worker.end_requests(from_info(error))
            case StopAttempt(attempt, reason, is_for_room):
                self._stop_task = asyncio.create_task(self._stop(attempt, reason, is_for_room=is_for_room))

    def view(self, planned_bytes: Mapping[str, int]) -> EntryView:
        """A snapshot; `planned_bytes` is the memory that is promised to this entry, by device."""
        state, loaded, now_s = self.state, self.loaded, asyncio.get_running_loop().time()
        mishaps, failure = state.mishaps, state.mishaps.failure
        is_error = state.phase is Phase.ERROR and failure is not None
        word = status(state)
        worker = loaded.worker if loaded is not None else None
        last_used_s = state.last_used_s
        return EntryView(
            model_id=self.settings.model_id,
            listed_id=self.settings.listed_id,
            aliases=self.settings.alias,
            display_name=self.settings.display_name,
            description=self.settings.description,
            kind=self._kind(),
            capabilities=capabilities_of(self.settings.kind, loaded.info if loaded is not None else None),
            adapters=tuple(self.adapters),
            status=word,
            endpoint_status=endpoint_status(word),
            error=failure.error if is_error and failure is not None else None,
            log_tail=worker.log_lines() if worker is not None else list(failure.log_tail if failure else ()),
            info=loaded.info if loaded is not None else None,
            context_because=loaded.context_because if loaded is not None else "",
            needed_bytes=of_process(loaded.plan.by_device) if loaded is not None else {},
            place_because=loaded.place_because if loaded is not None else "",
            weights=_weights_view(loaded) if loaded is not None else None,
            pid=worker.pid if worker is not None else None,
            rss_bytes=worker.rss_bytes() if worker is not None else 0,
            planned_bytes=dict(planned_bytes),
            loaded_s_ago=now_s - state.loaded_s if worker is not None else None,
            n_running=len(state.running),
            n_waiting=len(state.waiting),
            n_loads=self.n_loads,
            n_crashes=mishaps.n_crashes,
            last_load_s=self.last_load_s,
            unload_reason=state.stop_reason,
            n_unloads={cause: state.n_unloads[cause] for cause in UNLOAD_CAUSES},
            is_preload_due=self.settings.preload and state.is_enabled and not state.preload.has_ended,
            preload_gave_up=state.preload.gave_up,
            keep_alive_s=state.keep_alive.seconds(state.limits.keep_alive_s),
            is_pinned=self.settings.pinned,
            is_removed=state.is_removed,
            is_held=state.is_held,
            progress=self.progress,
            last_used_s_ago=now_s - last_used_s if math.isfinite(last_used_s) else None,
            retry_in_s=max(0.0, mishaps.retry_at_s - now_s) if is_error else None,
            heartbeat=worker.heartbeat if worker is not None else None,
            created=self._created,
        )

    def log(self) -> WorkerLog | None:
        """The last lines of the worker that holds the model now."""
        if self.loaded is None:
            return None
        return WorkerLog(pid=self.loaded.worker.pid, lines=self.loaded.worker.log_lines())

    def _kind(self) -> str:
        """What the settings say, or what a loaded model turned out to be."""
        if self.settings.kind != "auto" or self.loaded is None:
            return self.settings.kind
        info = self.loaded.info
        return "text" if info.can_generate else "rerank" if info.can_rerank else "embedding"

    # -- the load ----------------------------------------------------------------------------------

    async def _load(self, attempt: int, known_bad: Failure | None) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self._announce("loading")
        try:
            loaded = await self._loader.load(
                self.settings, tuple(self.adapters), known_bad, self._note_progress, self._admission(self)
            )
        except LoadLostError as lost:
            self._lose(attempt, lost.failure)
        except asyncio.CancelledError:
            self._announce("unloaded")  # whoever shows the progress of this load must hear of its end
            raise
        except Exception as error:  # noqa: BLE001  # whoever waits for this load must hear of its end
            _log.exception("a load failed in an unforeseen way", extra={"model_id": self.settings.listed_id})
            unforeseen = LsrvError(f"loading model '{self.settings.listed_id}' failed: {type(error).__name__}: {error}")
            self._lose(attempt, Failure(error=unforeseen.info(), is_retryable=True))
        else:
            self._gain(attempt, loaded, loop.time() - began_s)
        finally:
            self.progress = None

    def _gain(self, attempt: int, loaded: LoadedWorker, load_s: float) -> None:
        self.loaded = loaded
        self.n_loads += 1
        self.last_load_s = load_s
        self.reload_s = loaded.info.load_s
        loaded.worker.dead.add_done_callback(self._on_death)
        _log.info("loaded", extra={"model_id": self.settings.listed_id, "load_s": load_s, "pid": loaded.worker.pid})
        self._announce("loaded", load_s=load_s)
        self._post(self, LoadDone(attempt, loaded.info.n_slots))

    def _lose(self, attempt: int, failure: Failure) -> None:
        _log.error(
            "load failed",
            extra={"model_id": self.settings.listed_id, "code": failure.error.code, "reason": failure.error.message},
        )
        self.last_log = WorkerLog(pid=None, lines=list(failure.log_tail), end=failure.error.message)
        self._announce("failed", error=failure.error)
        self._post(self, LoadLost(attempt, failure))

    def _note_progress(self, progress: Progress) -> None:
        self.progress = progress
        self._announce("progress", progress=progress)

    # -- the end -----------------------------------------------------------------------------------

    def _on_death(self, dead: asyncio.Future[LsrvError]) -> None:
        loaded, error = self.loaded, dead.result()
        if loaded is None or loaded.worker.dead is not dead:
            return  # we stopped it ourselves
        log_tail = tuple(loaded.worker.log_lines())
        self.last_log = WorkerLog(pid=loaded.worker.pid, lines=list(log_tail), end=error.message)
        _log.error("worker died", extra={"model_id": self.settings.listed_id, "reason": error.message})
        self._announce("crashed", error=error.info())
        self._post(self, Died(self.state.attempt, Failure(error=error.info(), log_tail=log_tail, is_death=True)))

    async def _stop(self, attempt: int, reason: str, *, is_for_room: bool) -> None:
        await self._clear(reason, is_for_room=is_for_room)
        self._post(self, Stopped(attempt))

    async def close(self) -> None:
        """Stop whatever is left. After an orderly unload there is nothing."""
        if self._stop_task is not None:
            await asyncio.wait({self._stop_task})
        await self._clear("the server stops")

    async def _clear(self, reason: str, *, is_for_room: bool = False) -> None:
        """Leave neither a load nor a loaded worker behind."""
        if self._load_task is not None and not self._load_task.done():
            self._load_task.cancel()
            await asyncio.wait({self._load_task})
        loaded, self.loaded = self.loaded, None
        if loaded is not None:
            loaded.worker.dead.remove_done_callback(self._on_death)
            await (self._loader.take_back(loaded) if is_for_room else loaded.worker.stop())
            self.last_log = WorkerLog(pid=loaded.worker.pid, lines=loaded.worker.log_lines(), end=f"unloaded: {reason}")
            _log.info("unloaded", extra={"model_id": self.settings.listed_id, "reason": reason})
            self._announce("unloaded")

    def _announce(
        self,
        kind: Literal["loading", "progress", "loaded", "failed", "crashed", "unloaded"],
        *,
        progress: Progress | None = None,
        error: ErrorInfo | None = None,
        load_s: float | None = None,
    ) -> None:
        event = RegistryEvent(
            kind=kind,
            model_id=self.settings.model_id,
            listed_id=self.settings.listed_id,
            progress=progress,
            error=error,
            load_s=load_s,
        )
        self._on_event(event)


def limits_of(settings: ModelSettings, drain_timeout_s: float) -> EntryLimits:
    """What the state of an entry needs to know of its settings."""
    return EntryLimits(
        max_concurrency=settings.max_concurrency,
        queue=settings.queue,
        keep_alive_s=settings.keep_alive_s,
        drain_timeout_s=drain_timeout_s,
        least_keep_alive_s=settings.keep_alive_s if settings.pinned else 0.0,
    )


def _weights_view(loaded: LoadedWorker) -> WeightsView:
    weights = loaded.weights
    return WeightsView(
        path=str(weights.path),
        quantization=weights.quantization,
        size_bytes=weights.size_bytes,
        origin=weights.origin,
        chosen_because=weights.chosen_because,
        is_made_here=weights.is_made_here,
    )
