"""What all handlers of one server share."""

from __future__ import annotations

from dataclasses import dataclass

from lsrv.api.metrics import Metrics
from lsrv.config import Settings
from lsrv.registry import Registry


@dataclass(slots=True)
class ServerState:
    registry: Registry
    settings: Settings
    metrics: Metrics
    is_draining: bool = False
