"""Room on the disk: asked for before a download, and what is said when it runs out anyway."""

from __future__ import annotations

import errno
from pathlib import Path

from lsrv.errors import FetchError
from lsrv.frontdoor.store.space import disk_of

_FULL = {errno.ENOSPC, errno.EDQUOT}


def require_room(folder: Path, n_bytes_needed: int, what: str) -> None:
    """Raises FetchError unless `n_bytes_needed` more fit below `folder` and leave a reserve (1 GiB, or 5 %)."""
    if n_bytes_needed == 0:
        return
    disk = disk_of(folder)
    if n_bytes_needed <= disk.n_usable:
        return
    lacking = n_bytes_needed - disk.n_usable
    raise FetchError(
        f"not enough room for {what} in {folder}: {_size(n_bytes_needed)} to fetch, {_size(disk.n_free)} free, "
        f"of which {_size(disk.n_reserve)} stay in reserve; free {_size(lacking)} there, or set HF_HUB_CACHE to "
        "another disk",
        n_bytes_needed=n_bytes_needed,
        n_bytes_free=disk.n_free,
    )


def disk_error(error: OSError, folder: Path, name: str, n_bytes_held: int, size_bytes: int) -> FetchError:
    """What a failed write means for the person who waits."""
    if error.errno in _FULL:
        return FetchError(
            f"the disk of {folder} is full: {n_bytes_held} of {size_bytes} bytes of {name} are there and kept; "
            f"free {_size(size_bytes - n_bytes_held)} and ask again, it goes on from there",
            n_bytes_held=n_bytes_held,
            size_bytes=size_bytes,
        )
    return FetchError(f"can't write {name} to {folder}: {error.strerror}; mend it, or set HF_HUB_CACHE elsewhere")


def _size(n_bytes: int) -> str:
    """`n_bytes` for people, with the exact number where units would hide it."""
    return f"{n_bytes / 1024**3:.2f} GiB" if n_bytes >= 1024**3 // 100 else f"{n_bytes} bytes"
