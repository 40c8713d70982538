"""What all handlers of one server share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from lsrv.api.access import Access
from lsrv.api.metrics import Metrics
from lsrv.config import LoadedSettings, Settings
from lsrv.registry import Registry

ReadSettings = Callable[[], LoadedSettings]  # blocks; raises ConfigError


@dataclass(slots=True)
class ServerState:
    registry: Registry
    settings: Settings
    metrics: Metrics
    read_settings: ReadSettings | None = None  # None: started without a file
    is_draining: bool = False
    reload_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    access: Access = field(init=False)

    def __post_init__(self) -> None:
        self.configure(self.settings)

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next request on."""
        self.settings = settings
        self.access = Access(settings.server)
