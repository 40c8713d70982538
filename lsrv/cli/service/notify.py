"""What a server tells systemd: that it listens, that it lives, that it ends. Nothing where nobody asked for it.

Source: sd_notify(3), sd_watchdog_enabled(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

_log = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"
_ALIVE = "WATCHDOG=1"


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send `state` to who supervises this process; whether somebody does. A socket that is gone is only logged."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1.0)
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
    except OSError as error:
        _log.warning("can't tell the service manager", extra={"state": state, "why": error.strerror or str(error)})
    return True


def watchdog_s(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """How often this process has to say that it lives: half of what it is given; None: nobody waits for it."""
    usec, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0 or (meant and meant != str(pid or os.getpid())):
        return None
    return int(usec) / 2e6


async def tell_alive(environ: Mapping[str, str] = os.environ) -> None:
    """Say so for as long as the event loop turns: one that hangs says nothing, and is restarted."""
    interval_s = watchdog_s(environ)
    while interval_s is not None and notify(_ALIVE, environ):  # noqa: ASYNC110  # nothing happens that could be waited for
        await asyncio.sleep(interval_s)  # what is told is that time passes here
