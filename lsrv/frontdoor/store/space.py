"""Room on a disk before something large is written to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from lsrv.errors import BuildError

_RESERVE_BYTES = 1 << 30  # what other programs need to go on ...
_RESERVE_SHARE = 0.05  # ... or this much of a small disk


def require_space(folder: Path, n_bytes: int, what: str, error: type[BuildError]) -> None:
    """Raise `error` unless `n_bytes` for `what` fit into `folder` (which need not exist yet) with a reserve left."""
    disk = disk_of(folder)
    if n_bytes > disk.n_usable:
        raise error(
            f"{what} needs {n_bytes:,} bytes, and {disk.n_free:,} are free in {folder} ({disk.n_reserve:,} of them "
            "stay in reserve); free some space (`lsrv list` shows what lsrv made), or take another disk: LSRV_CACHE, "
            "HF_HOME",
            n_bytes_needed=n_bytes,
            n_bytes_free=disk.n_free,
            folder=str(folder),
        )


class DiskSpace(NamedTuple):
    """Bytes of a disk: free ones, and how many of them are left to others."""

    n_free: int
    n_reserve: int

    @property
    def n_usable(self) -> int:
        return self.n_free - self.n_reserve


def disk_of(folder: Path) -> DiskSpace:
    """The disk that `folder` lies on, or will: it need not exist yet. Raises OSError."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(place)
    return DiskSpace(usage.free, min(_RESERVE_BYTES, int(usage.total * _RESERVE_SHARE)))
