"""SIGHUP while a server starts: whoever sends it wants a reload, not an end."""

from __future__ import annotations

import os
import signal

_STANDARD_STREAMS = (0, 1, 2)


def hold_hangups() -> None:
    """Keep SIGHUP back until the server takes it. On a terminal it means what it always does: the terminal is gone."""
    if not any(os.isatty(stream) for stream in _STANDARD_STREAMS):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
