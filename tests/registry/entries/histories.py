"""States of an entry to begin with, and what befalls them, for tests of its rules."""

from __future__ import annotations

from lsrv.errors import ErrorInfo, LoadFailedError
from lsrv.registry.entries.effects import Effect, Reject
from lsrv.registry.entries.happenings import Configured, EntryLimits, LoadAsked, LoadDone
from lsrv.registry.entries.state import EntryState
from lsrv.registry.loading.failure import Failure

ASKED = "its operator asked for it"
DEATH = Failure(error=ErrorInfo("worker_crashed", "it died"), is_death=True)
BROKEN = Failure(error=LoadFailedError("no such tensor").info(), weights=(("m.gguf", 1, 1),))
NO_ROOM = Failure(error=ErrorInfo("insufficient_memory", "no room"), is_retryable=True)


def entry(**limits: float) -> EntryState:
    return EntryState("m", EntryLimits(**limits))  # type: ignore[arg-type]


def loaded(n_slots: int = 2, **limits: float) -> EntryState:
    state = entry(**limits)
    state.handle(LoadAsked(900), 0.0)
    state.handle(LoadDone(1, n_slots), 0.0)
    return state


def rejected(effects: list[Effect]) -> list[tuple[int, str]]:
    return [(effect.ticket, effect.error.code) for effect in effects if isinstance(effect, Reject)]


def configured(needs_load: bool, **limits: float) -> Configured:
    return Configured(EntryLimits(**limits), needs_load)  # type: ignore[arg-type]
