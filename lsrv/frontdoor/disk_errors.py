"""Where the disk's errors become ours: one that is no "not there" is told with its file, its reason and a mend."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from lsrv.errors import BuildError


@contextlib.contextmanager
def disk_told(what: str) -> Generator[None]:
    """OSErrors of the block leave as BuildError about `what` (an entry's model, for people)."""
    try:
        yield
    except OSError as error:
        raise BuildError(
            f'"{what}": {reason(error)}; mend it, or name other folders by LSRV_CACHE and HF_HOME'
        ) from error


def reason(error: OSError) -> str:
    """What the kernel says, and of which file: "/models/m.gguf: Permission denied"."""
    said = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {said}" if error.filename else said
