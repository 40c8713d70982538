"""Whose turn it is, wherever requests wait: priority counts as time that was waited. Pure."""

from __future__ import annotations

MAX_PRIORITY = 10  # of a request; -10 is the lowest
STEP_S = 10.0  # of waiting that a step of priority is worth


def due_s(since_s: float, priority: int, step_s: float = STEP_S) -> float:
    """The lowest goes first; the higher the priority, the sooner.

    As it stays the same however long one waits, whoever comes later than the difference in priority is worth comes
    behind: nobody starves.
    """
    return since_s - priority * step_s
