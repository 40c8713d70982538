"""lsrv's own cache folder: where it is, and who may write what in it. What lies there can always be made again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator
from pathlib import Path

import platformdirs

from lsrv.frontdoor.progress import Cancel
from lsrv.home import below_home, expanded

_POLL_S = 0.1


def own_cache() -> Path:
    """The folder that LSRV_CACHE names, else the user's cache folder of lsrv."""
    named = os.environ.get("LSRV_CACHE")
    return expanded(named) if named else below_home(platformdirs.user_cache_path("lsrv"))


@contextlib.contextmanager
def sole_maker(
    target: Path, cancel: Cancel | None = None, on_wait: Callable[[], None] | None = None
) -> Generator[None, None, None]:
    """The one process and thread of this user that may make `target`; others wait here (`on_wait` is called once).

    Look again for `target` inside: whoever was first has made it. A process that is killed lets go at once (flock), and
    the lock lies in the cache, never beside `target`. Raises BuildCancelledError.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_path(target), thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if on_wait is not None:
            on_wait()
        is_cancelled = (lambda: cancel.is_set) if cancel is not None else None
        with contextlib.suppress(Timeout):
            lock.acquire(poll_interval=_POLL_S, cancel_check=is_cancelled)
    try:
        if cancel is not None:
            cancel.check()
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def if_nobody_makes(target: Path) -> Generator[bool, None, None]:
    """Whether no process is making `target`; none can begin while the block runs."""
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_path(target), thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock_path(target: Path) -> Path:
    folder = own_cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(os.fsencode(target.absolute())).hexdigest()[:32]}.lock"
