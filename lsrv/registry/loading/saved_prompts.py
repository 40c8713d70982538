"""Where workers keep prompts of unloaded models, and how they are forgotten. What is in a file is the engine's."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from lsrv.frontdoor.store.own_cache import own_cache

_SUFFIXES = frozenset({".sequence", ".part"})

_log = logging.getLogger(__name__)


def prompts_folder() -> Path:
    return own_cache() / "prompts"


def forget_prompts() -> None:
    """Delete what earlier servers left there: who turns `cache_disk` off wants no prompts on the disk. Blocks."""
    n_left = 0
    for path in prompts_folder().rglob("*"):
        if path.suffix in _SUFFIXES:
            n_left += not _is_deleted(path)
    if n_left:
        _log.warning("saved prompts can't be deleted", extra={"n_files": n_left, "folder": str(prompts_folder())})


def _is_deleted(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        return True
    return False
