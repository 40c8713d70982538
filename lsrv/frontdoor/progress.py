"""What every long step on the way to a GGUF shares: how it reports, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lsrv.errors import BuildCancelledError

Stage = Literal["look", "fetch", "convert", "plan", "quantize"]


@dataclass(frozen=True)
class BuildProgress:
    """How far one stage is; reported at most a few times a second. `n_bytes_total` 0: not known yet."""

    stage: Stage
    what: str  # for people: a file name, or "Q4_K_M of NAME"
    n_bytes: int = 0
    n_bytes_total: int = 0


OnBuildProgress = Callable[[BuildProgress], None]


def ignore_progress(progress: BuildProgress) -> None:
    """Take progress that nobody watches."""


class Cancel:
    """One switch for one build; any thread may `set` it. Every long loop calls `check` at least once a second."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises BuildCancelledError once `set` was called."""
        if self._event.is_set():
            raise BuildCancelledError("given up before the weights were ready; what was downloaded is kept")

    def wait(self, timeout_s: float) -> bool:
        """Sleep up to `timeout_s`; True as soon as it is set."""
        return self._event.wait(timeout_s)
