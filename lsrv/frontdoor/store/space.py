"""Room on a disk before something large is written to it."""

from __future__ import annotations

import shutil
from pathlib import Path

from lsrv.errors import BuildError

_RESERVE_BYTES = 1 << 30  # what other programs need to go on ...
_RESERVE_SHARE = 0.05  # ... or this much of a small disk


def require_space(folder: Path, n_bytes: int, what: str, error: type[BuildError]) -> None:
    """Raise `error` unless `n_bytes` for `what` fit into `folder` (which need not exist yet) with a reserve left."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(place)
    n_bytes_reserve = min(_RESERVE_BYTES, int(usage.total * _RESERVE_SHARE))
    if n_bytes + n_bytes_reserve > usage.free:
        raise error(
            f"{what} needs {n_bytes:,} bytes, and {usage.free:,} are free in {folder} ({n_bytes_reserve:,} of them "
            "stay in reserve); free some space (`lsrv list` shows what lsrv made), or take another disk: LSRV_CACHE, "
            "HF_HOME",
            n_bytes_needed=n_bytes,
            n_bytes_free=usage.free,
            folder=str(folder),
        )
