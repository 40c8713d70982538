"""Which tokens a full context gives up, so that its answer can go on. Pure.

As llama.cpp's context shift: the beginning stays, the older half of the rest goes, what is left moves up. What was read
while the dropped tokens were there keeps what it learnt from them: the text goes on, but nobody else may use its cells.
"""

from __future__ import annotations

from dataclasses import dataclass

_KEPT_SHARE = 4  # of the context, at most, the prompt's beginning keeps: its instructions stand there


@dataclass(frozen=True, slots=True)
class Shift:
    """Cells from position `n_keep` on, `n_drop` of them, are given up."""

    n_keep: int
    n_drop: int


def plan_shift(n_prompt: int, n_past: int, n_unread: int, n_ctx_seq: int) -> Shift | None:
    """What makes room for `n_unread` tokens behind `n_past` cells; None where there is room."""
    if n_past + n_unread <= n_ctx_seq:
        return None
    n_keep = min(n_prompt, n_ctx_seq // _KEPT_SHARE, n_past)
    n_drop = max((n_past - n_keep) // 2, n_past + n_unread - n_ctx_seq)
    return Shift(n_keep, n_drop)
