"""Files and folders that appear whole or not at all. `own_cache.sole_maker` keeps two writers apart."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path

SUFFIX = ".part"


@contextlib.contextmanager
def partial_file(target: Path) -> Generator[Path, None, None]:
    """A path beside `target` to write to: fsynced and renamed when the block ends well, removed when it does not.

    The same path each time, so that what a killed process left is overwritten by the next one.
    """
    partial = target.with_name(f".{target.name}{SUFFIX}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        _sync(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    _sync(target.parent)


@contextlib.contextmanager
def partial_folder(target: Path) -> Generator[Path, None, None]:
    """An empty folder beside `target`, which takes that name when the block ends well; else it is removed.

    Whatever was at `target` is replaced. Files in it are fsynced by who writes them, or here if they lie at its top.
    """
    partial = target.with_name(target.name + SUFFIX)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in partial.iterdir():
            _sync(path)
        _sync(partial)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
