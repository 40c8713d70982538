"""The diagram of the six phases in lsrv/registry/DESIGN.md, against all that can happen to an entry."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import lsrv
from lsrv.errors import ErrorInfo
from lsrv.registry.entries.happenings import (
    Arrived,
    Configured,
    Died,
    EntryLimits,
    Evicted,
    Failure,
    Happening,
    Left,
    LoadAsked,
    LoadDone,
    LoadLost,
    NoRoom,
    PreloadAsked,
    Removed,
    Stopped,
    Ticked,
    UnloadAsked,
)
from lsrv.registry.entries.phase import Phase
from lsrv.registry.entries.state import EntryState

DESIGN = Path(lsrv.__file__).parent / "registry/DESIGN.md"
DEATH = Failure(error=ErrorInfo("worker_crashed", "it died"), is_death=True)
BROKEN = Failure(error=ErrorInfo("load_failed", "no such tensor"))
LONG_S = 1000.0

Change = tuple[Phase, Phase]


def drawn() -> set[Change]:
    arrows = re.findall(r"^    ([A-Z]+) --> ([A-Z]+):", DESIGN.read_text(encoding="utf-8"), re.MULTILINE)
    return {(Phase[begin], Phase[end]) for begin, end in arrows}


def happenings(state: EntryState) -> list[tuple[Happening, float]]:
    """What may happen next, with how much later."""
    now: list[Happening] = [
        Arrived(1),
        Left(1),
        LoadAsked(2),
        PreloadAsked(),
        NoRoom("for others"),
        UnloadAsked(3),
        Evicted("others need the memory"),
        Configured(EntryLimits(), needs_load=True),
        Removed(),
        LoadDone(state.attempt, 1),
        LoadLost(state.attempt, DEATH),
        LoadLost(state.attempt, BROKEN),
        Died(state.attempt, DEATH),
        Stopped(state.attempt),
    ]
    return [*((each, 0.0) for each in now), (Ticked(), LONG_S), (Arrived(1), LONG_S)]


def kind(state: EntryState) -> tuple[object, ...]:
    """What is alike in states that go on alike."""
    n_deaths, n_crashes = min(state.mishaps.n_deaths, 3), min(state.mishaps.n_crashes, 3)
    return (
        state.phase,
        bool(state.running),
        bool(state.waiting),
        state.is_wanted,
        state.is_preload,
        state.is_removed,
        n_deaths,
        n_crashes,
    )


def changes() -> set[Change]:
    """Every change of phase that an entry of any kind can make; one that starts a load at once is two."""
    found: set[Change] = set()
    known: set[tuple[object, ...]] = set()
    unseen = [(EntryState("m"), 0.0)]
    while unseen:
        before, now_s = unseen.pop(0)
        for happening, later_s in happenings(before):
            after = copy.deepcopy(before)
            after.handle(happening, now_s + later_s)
            if after.attempt == before.attempt:
                found |= {(before.phase, after.phase)} if before.phase is not after.phase else set()
            elif before.phase in (Phase.LOADED, Phase.DRAINING, Phase.STOPPING):
                found |= {(before.phase, Phase.UNLOADED), (Phase.UNLOADED, Phase.LOADING)}
            else:
                found.add((before.phase, after.phase))
            if kind(after) not in known:
                known.add(kind(after))
                unseen.append((after, now_s + later_s))
    return found


def test_the_design_draws_every_change_of_phase_and_no_other() -> None:
    assert changes() == drawn()
