"""Entries, their states and their workers: loads on demand, shares loads, counts leases, survives crashes."""

from lsrv.registry.entry import RegistryEvent
from lsrv.registry.healing import Verdict, read_verdicts
from lsrv.registry.lease import Lease
from lsrv.registry.registry import Registry
from lsrv.registry.request_stream import RequestStream
from lsrv.registry.view import EntryView, WeightsView
from lsrv.registry.watchdog import Deadlines

__all__ = [
    "Deadlines",
    "EntryView",
    "Lease",
    "Registry",
    "RegistryEvent",
    "RequestStream",
    "Verdict",
    "WeightsView",
    "read_verdicts",
]
