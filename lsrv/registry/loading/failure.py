"""Why a load or a worker ended, as a value that decisions and comparisons need."""

from __future__ import annotations

import msgspec

from lsrv.errors import ErrorInfo
from lsrv.file_digest import FileStamp

Fingerprint = tuple[FileStamp, ...]  # of every file a load depends on


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a load or a worker ended, as far as the next decision needs it."""

    error: ErrorInfo
    log_tail: tuple[str, ...] = ()
    is_death: bool = False  # the process died, hung or never started: chance may be involved
    is_retryable: bool = False  # the same load may work later although nothing changed on disk
    weights: Fingerprint | None = None  # the files that failed, where they were found at all
