"""How a child of ours behaves as a process: it dies with its parent, never alone for it, and leaves Ctrl-C to it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from lsrv.standard_streams import open_standard_streams

_PR_SET_PDEATHSIG = 1
_FIRST_TO_KILL = "1000"


def prepare_process() -> None:
    """Call once, before anything else. Never fails: every step is a second line of defence."""
    open_standard_streams()
    # ggml's abort handler starts a debugger, which can hang a crash for minutes.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    # Threads of a matrix product wait for each other a hundred times per token, and libgomp spins up to 300,000 turns
    # there: no harm alone, but two models that answer at once, or a busy browser, then steal each other's time.
    # 1,000 turns cost a lone model next to nothing and serve two at once 1.5 times as fast (docs/performance.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # Ctrl-C goes to the whole terminal; the parent decides what it means and closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        _die_with_parent()
        _volunteer_for_oom_killer()


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew of our spec
        os._exit(0)


def _volunteer_for_oom_killer() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_KILL)
    except OSError as error:  # some containers mount /proc read-only
        sys.stderr.write(f"can't raise oom_score_adj: {error}\n")
