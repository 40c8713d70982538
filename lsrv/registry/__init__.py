"""Entries, their states and their workers: loads on demand, shares loads, counts leases, survives crashes."""

from lsrv.frontdoor.building import BuildProgress
from lsrv.frontdoor.own_cache import own_cache
from lsrv.registry.adapters import Adapter
from lsrv.registry.healing import Verdict, is_condemned, read_verdicts, verdicts_path
from lsrv.registry.lease import Lease, WorkerLease
from lsrv.registry.names import Target
from lsrv.registry.queues import Standing, Turn
from lsrv.registry.registry import Registry
from lsrv.registry.request_stream import RequestStream
from lsrv.registry.routing import Candidates, RouteView, Routing
from lsrv.registry.upstream.dialect import reported_texts, reported_usage
from lsrv.registry.upstream.lease import UpstreamLease
from lsrv.registry.view import EntryView, MemoryView, WeightsView, WorkerLog
from lsrv.registry.watchdog import Deadlines
from lsrv.registry.watchers import RegistryEvent
from lsrv.registry.weights import front_door, look_with_draft, wish_of
from lsrv.registry.worker_memory import WorkerMemory, worker_memory
from lsrv.registry.worker_process import WORKER_COMMAND, WorkerProcess

__all__ = [
    "WORKER_COMMAND",
    "Adapter",
    "BuildProgress",
    "Candidates",
    "Deadlines",
    "EntryView",
    "Lease",
    "MemoryView",
    "Registry",
    "RegistryEvent",
    "RequestStream",
    "RouteView",
    "Routing",
    "Standing",
    "Target",
    "Turn",
    "UpstreamLease",
    "Verdict",
    "WeightsView",
    "WorkerLease",
    "WorkerLog",
    "WorkerMemory",
    "WorkerProcess",
    "front_door",
    "is_condemned",
    "look_with_draft",
    "own_cache",
    "read_verdicts",
    "reported_texts",
    "reported_usage",
    "verdicts_path",
    "wish_of",
    "worker_memory",
]
