"""Puts a registry together. Every part comes in ready: who needs another one is made after it."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lsrv.config import Settings, SettingsChange
from lsrv.model_id import ModelId
from lsrv.registry.adapter_loading import HotAdapters
from lsrv.registry.endpoints.endpoints import Endpoints
from lsrv.registry.entries.entry import Entry
from lsrv.registry.entries.watchers import Watcher, Watchers
from lsrv.registry.identity import Identities
from lsrv.registry.life.idle import IdleWork
from lsrv.registry.life.settled import RestNews
from lsrv.registry.life.start_and_end import Life
from lsrv.registry.loading.builds import Builds, Prepare
from lsrv.registry.loading.loader import Loader
from lsrv.registry.loading.weights import Preparer
from lsrv.registry.loop.inbox import Inbox
from lsrv.registry.loop.memory_promises import MemoryPromises
from lsrv.registry.loop.roster import Roster
from lsrv.registry.loop.run_loop import RunLoop
from lsrv.registry.loop.worker_endpoint import WorkerEndpoints
from lsrv.registry.memory.planner import Planner
from lsrv.registry.names import Names
from lsrv.registry.plans import Plans
from lsrv.registry.registry import Registry
from lsrv.registry.upstream.upstreams import Upstreams
from lsrv.registry.virtual_models import Routing
from lsrv.registry.workers.process import WORKER_COMMAND, WorkerProcess
from lsrv.registry.workers.spares import Spares
from lsrv.registry.workers.watchdog import Deadlines


class _Workshop(NamedTuple):
    """What loads and plans need, whatever the entries are."""

    spares: Spares
    planner: Planner
    preparer: Preparer
    builds: Builds
    loader: Loader


def assemble(
    settings: Settings,
    *,
    on_event: Watcher = lambda event: None,
    prepare: Prepare | None = None,
    worker_command: Sequence[str] = WORKER_COMMAND,
    deadlines: Deadlines | None = None,
    cpu_faults_file: Path | None = None,
) -> Registry:
    """A registry of the entries in `settings`; it starts nothing yet.

    `on_event` is called in its event loop and must not block. `prepare` finds, fetches or makes weights, in threads.
    """
    rest, watchers, by_id, now = RestNews(), Watchers(on_event), dict[ModelId, Entry](), int(time.time())
    inbox = Inbox(rest.tell)
    promises = MemoryPromises(by_id, settings.server, inbox.nudge)
    spawn = functools.partial(WorkerProcess.spawn, worker_command, deadlines or Deadlines())
    shop = _workshop(settings, promises, prepare, Spares(settings.server.spare_workers, spawn), cpu_faults_file)
    make = functools.partial(
        Entry,
        loader=shop.loader,
        post=inbox.post,
        on_event=watchers.tell,
        admission=promises.admission,
        created=now,
    )
    roster = Roster(settings, by_id, make)
    names = Names(settings, roster.adapters_of)
    upstreams = Upstreams(settings, rest.tell, watchers.tell, now)
    workers = WorkerEndpoints(roster, inbox, promises)
    endpoints = Endpoints(names, (upstreams, workers))
    identities = Identities(settings, by_id)
    routing = Routing(settings, names, endpoints.views, identities.longest_context)
    plans = Plans(shop.planner, shop.loader, promises, endpoints.entry, settings)
    idle_work = IdleWork(endpoints, inbox, rest)

    def take(change: SettingsChange) -> None:
        for part in (shop.preparer, upstreams, routing, identities, plans):
            part.configure(change.settings)
        names.configure(change)

    run_loop = RunLoop(inbox, roster, promises, take, rest.tell)
    return Registry(
        life=Life(inbox, run_loop, endpoints, shop.preparer, shop.builds, shop.spares, idle_work),
        inbox=inbox,
        endpoints=endpoints,
        workers=workers,
        promises=promises,
        spares=shop.spares,
        builds=shop.builds,
        watchers=watchers,
        names=names,
        routing=routing,
        adapters=HotAdapters(endpoints),
        identities=identities,
        plans=plans,
        idle_work=idle_work,
    )


def _workshop(
    settings: Settings, promises: MemoryPromises, prepare: Prepare | None, spares: Spares, cpu_faults_file: Path | None
) -> _Workshop:
    planner = Planner(spares, cpu_faults_file)
    preparer = Preparer(settings, planner, promises.taken)
    builds = Builds(prepare or preparer)
    loader = Loader(spares, planner, builds, settings.server.cache_disk_bytes, cpu_faults_file)
    return _Workshop(spares, planner, preparer, builds, loader)
