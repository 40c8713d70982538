"""Whether bars, colours and tables that move may be drawn: on terminals that can, and only if nobody said no."""

from __future__ import annotations

import os
from typing import TextIO


def may_draw(stream: TextIO) -> bool:
    """Whether control codes may go to `stream`. NO_COLOR (https://no-color.org) and TERM=dumb: as into a pipe."""
    return stream.isatty() and not wants_plain()


def wants_plain() -> bool:
    """Whether the user asked for text alone."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
