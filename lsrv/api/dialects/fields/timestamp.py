"""Times as texts. Pure."""

from __future__ import annotations

import time


def rfc3339(unix_s: float) -> str:
    """A time as Go, JavaScript and Python read it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))
