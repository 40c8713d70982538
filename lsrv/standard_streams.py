"""Descriptors 0, 1 and 2, which a shell may leave closed (`<&-`, `>&-`, `2>&-`)."""

from __future__ import annotations

import contextlib
import os
import sys
from io import TextIOWrapper

_MODES = ("r", "w", "w")
_NUMBERS = range(len(_MODES))


def open_standard_streams() -> None:
    """Put /dev/null where a standard stream is closed, here and in children. Call it before anything opens a file.

    The next file or socket would get its number otherwise: log lines would go into a database, and a child's
    redirections would close what it needs.
    """
    for number in _NUMBERS:
        if not _is_open(number):
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number: this one
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            stream: TextIOWrapper = open(number, _MODES[number], closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def give_up_unread() -> None:
    """Forget what is buffered for a terminal or a pipe that is gone. Python would make that an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def has_terminal() -> bool:
    """Whether one of them is a terminal; of one that is gone, none is."""
    return any(os.isatty(number) for number in _NUMBERS)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
