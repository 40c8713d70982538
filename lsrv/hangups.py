"""SIGHUP while a server starts: whoever sends it wants a reload, not an end."""

from __future__ import annotations

import signal

from lsrv.standard_streams import has_terminal


def hold_hangups() -> None:
    """Keep SIGHUP back until the server takes it. On a terminal it means what it always does: the terminal is gone."""
    if not has_terminal():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
