"""Entries, their states and their workers: loads on demand, shares loads, counts leases, survives crashes."""

from lsrv.frontdoor.progress import BuildProgress
from lsrv.frontdoor.store.own_cache import own_cache
from lsrv.registry.assemble import assemble
from lsrv.registry.discovery import Discovery, FoundModel
from lsrv.registry.endpoints.endpoint import Lease
from lsrv.registry.endpoints.waiting import Standing, Turn
from lsrv.registry.entries.view import EntryView, MemoryView, WeightsView, WorkerLog
from lsrv.registry.entries.watchers import RegistryEvent
from lsrv.registry.loading.saved_prompts import forget_prompts
from lsrv.registry.loading.weights import draft_of, finding, front_door, spec_of, split_quant
from lsrv.registry.model_facts import ModelFacts
from lsrv.registry.names import Target
from lsrv.registry.offered_adapters import OfferedAdapter
from lsrv.registry.registry import Registry
from lsrv.registry.upstream.openai_words import reported_calls, reported_texts, reported_usage, says_something
from lsrv.registry.virtual_models import Attempts, RouteView, Routing
from lsrv.registry.workers.cpu_faults import CpuFault, cpu_faults_path, is_condemned, read_cpu_faults
from lsrv.registry.workers.memory import WorkerMemory, worker_memory
from lsrv.registry.workers.process import WORKER_COMMAND, WorkerProcess
from lsrv.registry.workers.stream import RequestStream
from lsrv.registry.workers.watchdog import Deadlines

__all__ = [
    "WORKER_COMMAND",
    "Attempts",
    "BuildProgress",
    "CpuFault",
    "Deadlines",
    "Discovery",
    "EntryView",
    "FoundModel",
    "Lease",
    "MemoryView",
    "ModelFacts",
    "OfferedAdapter",
    "Registry",
    "RegistryEvent",
    "RequestStream",
    "RouteView",
    "Routing",
    "Standing",
    "Target",
    "Turn",
    "WeightsView",
    "WorkerLog",
    "WorkerMemory",
    "WorkerProcess",
    "assemble",
    "cpu_faults_path",
    "draft_of",
    "finding",
    "forget_prompts",
    "front_door",
    "is_condemned",
    "own_cache",
    "read_cpu_faults",
    "reported_calls",
    "reported_texts",
    "reported_usage",
    "says_something",
    "spec_of",
    "split_quant",
    "worker_memory",
]
