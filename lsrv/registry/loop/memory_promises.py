"""Promises of memory. Loads wait here until `arbiter.decide` lets them in; owned by the registry's run loop."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lsrv.config import ServerSettings
from lsrv.errors import NotEnoughMemoryError
from lsrv.model_id import ModelId
from lsrv.protocol.events import ContextPlan, DeviceMemory
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.happenings import Evicted, Happening, Held, NoRoom
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.view import MemoryView
from lsrv.registry.loading.loader import Admission
from lsrv.registry.memory import arbiter
from lsrv.registry.memory.arbiter import MemoryAmounts, MemoryDecision, Refusal, Resident, Stay, Want
from lsrv.registry.memory.budget import RAM, Budget, has_memory_for, lack, only_bytes, shown
from lsrv.registry.memory.fitting import Bounds
from lsrv.registry.memory.forecast import Forecast, forecast
from lsrv.registry.workers.memory import anonymous_bytes

_STAY = {
    Phase.LOADING: Stay.LOADING,
    Phase.LOADED: Stay.LOADED,
    Phase.DRAINING: Stay.LEAVING,
    Phase.STOPPING: Stay.LEAVING,
}

_log = logging.getLogger(__name__)


Tell = Callable[[Entry, Happening], None]  # hands a happening to an entry, and performs what follows


@dataclass(frozen=True)
class _Wait:
    """A load that waits for room."""

    entry: Entry
    memory: MemoryAmounts
    admission: asyncio.Future[None]


class MemoryPromises:
    """Who holds how much, and who waits for some. `nudge` has the run loop `settle` them soon.

    `entries` by their canonical ids; its owner adds and removes some.
    """

    def __init__(self, entries: Mapping[ModelId, Entry], server: ServerSettings, nudge: Callable[[], None]) -> None:
        self._entries = entries
        self._budget = Budget(server)
        self._patience_s = server.swap_patience_s
        self._nudge = nudge
        self._waits: dict[ModelId, _Wait] = {}
        self._promised: dict[ModelId, MemoryAmounts] = {}
        self._outgrown: set[ModelId] = set()  # holders of more than was promised, of whom people were told
        self._timer: asyncio.TimerHandle | None = None

    def configure(self, server: ServerSettings) -> None:
        """Go by another budget and patience from now on; what was promised stays promised."""
        self._budget.configure(server)
        self._patience_s = server.swap_patience_s

    def trim(self, tell: Tell) -> None:
        """Have idle models leave that a smaller budget has no room for; busy ones stay until others want theirs."""
        real = self._real_bytes()
        for name in arbiter.surplus(self._residents(real), self._limit(real), asyncio.get_running_loop().time()):
            _send_off(self._entries[name], "the settings leave it no room any more", tell)

    def promised(self, entry: Entry) -> MemoryAmounts | None:
        """What `entry` holds, from before its load until its worker has left the machine."""
        return self._promised.get(entry.settings.model_id)

    def planned_bytes(self, entry: Entry) -> dict[str, int]:
        """The same without the number of models, for people; nothing while it holds nothing."""
        return only_bytes(self._promised.get(entry.settings.model_id, {}))

    def admission(self, entry: Entry) -> Admission:
        """How `entry` gets the memory for a load."""
        return Admission(self.bounds, functools.partial(self.reserve, entry))

    def bounds(self, devices: Mapping[str, DeviceMemory]) -> Bounds:
        """What one model may take now. `devices`: what GPUs have free."""
        self._budget.note_devices(devices, self._held())
        real = self._real_bytes()
        counted = self._counted(real)
        pinned = [name for name in counted if self._entries[name].settings.pinned]
        available = arbiter.minus(self._limit(real), arbiter.total(counted[name] for name in pinned))
        sharing = [name for name, entry in self._entries.items() if entry.is_serving and name not in pinned]
        share = self._budget.share(available, len(sharing))
        free = arbiter.minus(available, arbiter.total(memory for name, memory in counted.items() if name not in pinned))
        return Bounds(available, free, share, self._budget.need)

    async def reserve(self, entry: Entry, plan: ContextPlan) -> None:
        """Wait until the memory of `plan` is promised to `entry`. Raises NotEnoughMemoryError if it can never be."""
        loop = asyncio.get_running_loop()
        name = entry.settings.model_id
        memory = self._budget.need(plan.by_device)
        self._waits[name] = wait = _Wait(entry, memory, loop.create_future())
        self._nudge()
        try:
            await wait.admission
        finally:
            if self._waits.get(name) is wait:  # given up: whoever was pressed to leave for it may stay
                del self._waits[name]
                self._nudge()

    def forecast(self, entry: Entry, plan: ContextPlan) -> Forecast:
        """What would become of a load by `plan`, were it asked for now."""
        name, now_s = entry.settings.model_id, asyncio.get_running_loop().time()
        want = Want(
            model_id=name,
            memory=self._budget.need(plan.by_device),
            since_s=now_s,
            priority=entry.settings.priority,
        )
        others = [each for each in self._wants() if each.model_id != name]
        real = self._real_bytes()
        return forecast(want, others, self._residents(real), self._limit(real), self._patience_s, now_s)

    def holders(self, entry: Entry) -> tuple[str, ...] | None:
        """Listed ids of those who would have to leave for a load that waits; None where it does not wait for memory.

        Empty while memory is being freed for it, or goes to others first.
        """
        name, now_s = entry.settings.model_id, asyncio.get_running_loop().time()
        want = next((each for each in self._wants() if each.model_id == name), None)
        if want is None:
            return None
        real = self._real_bytes()
        foreseen = forecast(want, [], self._residents(real), self._limit(real), self._patience_s, now_s)
        return tuple(self.listed_id(each) for each in foreseen.leaving)

    def listed_id(self, model_id: ModelId) -> str:
        """The name of an entry in listings."""
        return self._entries[model_id].settings.listed_id

    def memory(self, n_spare_workers: int) -> MemoryView:
        """Budget and promises of all models together."""
        return MemoryView(
            budget_bytes=only_bytes(self._limit(self._real_bytes())),
            promised_bytes=only_bytes(arbiter.total(self._promised.values())),
            n_spare_workers=n_spare_workers,
        )

    def settle(self, tell: Tell) -> None:
        """Decide anew; to be called after everything that happens. `tell` hands entries what follows from it."""
        while self._waits or any(entry.state.is_held for entry in self._entries.values()):
            real, now_s = self._real_bytes(), asyncio.get_running_loop().time()
            verdict = arbiter.decide(self._wants(), self._residents(real), self._limit(real), self._patience_s, now_s)
            if not self._apply(verdict, tell):
                self._wake_at(verdict.wake_s)
                return

    def forget(self, entry: Entry) -> None:
        """The worker of `entry` is gone, and its memory is back."""
        self._promised.pop(entry.settings.model_id, None)
        self._outgrown.discard(entry.settings.model_id)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def budget_because(self) -> str:
        """What the budget of RAM is made of, for people."""
        return self._budget.because(sum(self._real_bytes().values()))

    def taken(self) -> MemoryAmounts:
        """What our own workers hold now: RAM as it is measured, GPUs by their plans."""
        return {**self._held(), RAM: sum(self._real_bytes().values())}

    def _limit(self, real: Mapping[ModelId, int]) -> MemoryAmounts:
        """All that may be promised now; `real`: `_real_bytes`."""
        return self._budget.limit(sum(real.values()))

    def _held(self) -> MemoryAmounts:
        """What models hold by their plans, or will hold soon."""
        return arbiter.total(self._promised.values())

    def _real_bytes(self) -> dict[ModelId, int]:
        """RAM that our own workers really hold, by entry: it is part of the budget, and not free.

        The kernel is asked for each of them: once for a decision.
        """
        loaded = {name: self._entries[name].loaded for name in self._promised}
        return {name: anonymous_bytes(each.worker.pid) if each is not None else 0 for name, each in loaded.items()}

    def _counted(self, real: Mapping[ModelId, int]) -> dict[ModelId, MemoryAmounts]:
        """What entries hold: what was promised to them, or the RAM their workers really have, if that is more."""
        for name in real.keys() - self._outgrown:
            if real[name] > self._promised[name][RAM]:
                self._outgrown.add(name)
                model_id, planned = self.listed_id(name), shown({RAM: self._promised[name][RAM]})
                _log.warning(
                    "a model takes more memory than planned, and is counted with that",
                    extra={"model_id": model_id, "planned": planned, "real": shown({RAM: real[name]})},
                )
        return {name: {**promised, RAM: max(promised[RAM], real[name])} for name, promised in self._promised.items()}

    def _wants(self) -> list[Want]:
        return [
            Want(
                model_id=name,
                memory=wait.memory,
                since_s=wait.entry.state.waits_since_s,
                priority=wait.entry.settings.priority + wait.entry.state.waits_priority,
                is_for_copies=wait.entry.state.is_for_copies,
                is_preload=wait.entry.state.is_preload,
            )
            for name, wait in self._waits.items()
        ]

    def _residents(self, real: Mapping[ModelId, int]) -> list[Resident]:
        return [self._resident(self._entries[name], memory) for name, memory in self._counted(real).items()]

    def _resident(self, entry: Entry, memory: MemoryAmounts) -> Resident:
        state = entry.state
        return Resident(
            model_id=entry.settings.model_id,
            memory=memory,
            stay=_STAY[state.phase],
            n_running=state.n_running,
            n_waiting=state.n_waiting,
            since_s=state.loaded_s,
            last_used_s=state.last_used_s,
            reload_s=entry.reload_s or 0.0,
            priority=entry.settings.priority,
            is_pinned=entry.settings.pinned,
            is_held=state.is_held,
            is_borrowed=state.is_borrowed,
        )

    def _apply(self, verdict: MemoryDecision, tell: Tell) -> bool:
        """Whether anything changed, so that it has to be decided again."""
        for refusal in verdict.refused:
            self._waits.pop(refusal.model_id).admission.set_exception(self._refused(refusal))
        for name in verdict.admitted:
            wait = self._waits.pop(name)
            self._promised[name] = wait.memory
            wait.admission.set_result(None)
        for name in verdict.given_up:
            self._give_up(self._waits.pop(name), tell)
        for eviction in verdict.evicted:
            reason = self._reason_to_leave(self._entries[eviction.successor])
            _send_off(self._entries[eviction.model_id], reason, tell)
        changed = [entry for name, entry in self._entries.items() if entry.state.is_held != (name in verdict.held)]
        for entry in changed:
            tell(entry, Held(entry.settings.model_id in verdict.held))
        return bool(verdict.refused or verdict.admitted or verdict.given_up or verdict.evicted or changed)

    def _give_up(self, wait: _Wait, tell: Tell) -> None:
        reason = f"its preload found no {self._scarce(wait.memory)} beside other models: a request makes room"
        _log.warning("no room for a preload", extra={"model_id": wait.entry.settings.listed_id, "reason": reason})
        tell(wait.entry, NoRoom(reason))  # which ends the load that waits

    def _reason_to_leave(self, successor: Entry) -> str:
        needed = self._waits[successor.settings.model_id].memory
        return f"'{successor.settings.listed_id}' needed its {self._scarce(needed)}"

    def _scarce(self, needed: MemoryAmounts) -> str:
        """Whether it is memory or a place that `needed` does not find, for people."""
        real = self._real_bytes()
        free = arbiter.minus(self._limit(real), arbiter.total(self._counted(real).values()))
        return "place (max_loaded_models)" if has_memory_for(needed, free) else f"memory ({shown(needed)})"

    def _refused(self, refusal: Refusal) -> NotEnoughMemoryError:
        model_id, needed = self._entries[refusal.model_id].settings.listed_id, only_bytes(refusal.needed)
        return NotEnoughMemoryError(
            f"model '{model_id}' {lack(refusal.needed, refusal.available)}",
            needed_bytes=sum(needed.values()),
            available_bytes=sum(refusal.available.get(device, 0) for device in needed),
        )

    def _wake_at(self, wake_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if math.isinf(wake_s) else loop.call_at(wake_s, self._nudge)


def _send_off(entry: Entry, reason: str, tell: Tell) -> None:
    _log.info("evicted", extra={"model_id": entry.settings.listed_id, "reason": reason})
    tell(entry, Evicted(reason))
