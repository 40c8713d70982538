"""The memory of this process that nobody uses any more."""

from __future__ import annotations

import ctypes
import gc


def return_free_memory() -> None:
    """Give it to the system: the C library keeps small pieces for itself until it is asked (glibc; others don't)."""
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
