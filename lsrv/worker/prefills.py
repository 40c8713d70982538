"""Prompts whose reading somebody follows: a delta for each step that read a part of one."""

from __future__ import annotations

from lsrv.engine.sequence import Sequence
from lsrv.protocol.events import Delta, PrefillProgress


class PrefillWatch:
    """Belongs to the engine thread."""

    def __init__(self) -> None:
        self._told: list[tuple[Sequence, int]] = []  # and how much of its prompt was said to be read; -1: nothing yet

    def watch(self, sequence: Sequence) -> None:
        """Follow one until it writes, or has ended."""
        self._told.append((sequence, -1))

    def news(self, now: float) -> list[Delta]:
        """What the last step read; `now`: time.perf_counter()."""
        if not self._told:
            return []
        deltas: list[Delta] = []
        going_on: list[tuple[Sequence, int]] = []
        for sequence, n_told in self._told:
            n_read = len(sequence.prompt) if sequence.first_token_at else min(sequence.n_past, len(sequence.prompt))
            if n_read > n_told and sequence.scheduled_at:
                deltas.append(_delta(sequence, n_read, now))
            if not sequence.first_token_at and sequence.finish_reason is None:
                going_on.append((sequence, max(n_told, n_read) if sequence.scheduled_at else n_told))
        self._told = going_on
        return deltas


def _delta(sequence: Sequence, n_read: int, now: float) -> Delta:
    progress = PrefillProgress(len(sequence.prompt), sequence.n_cached, n_read, max(0.0, now - sequence.scheduled_at))
    return Delta(sequence.request_id, "", progress=progress)
