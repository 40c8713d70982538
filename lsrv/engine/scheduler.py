"""Which prompt tokens go into the next llama_decode. Pure: counts in, a plan out; no clock, no llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsrv.engine.cost import StepCost

# Tokens that come faster are sent together: sending each alone would cost more than computing it. Real models take
# longer for one step, so each of their tokens goes out at once.
GATHERED_S = 0.004

_MARGIN = 0.9  # of what streams may be slowed down: steps vary
_N_CELLS_AHEAD = 64  # of a shared KV cache, per sequence
_COPY_STEP_S = 0.1
# Streams pause no longer for short prompts: a reader overlooks that, and four steps are little beside a whole answer.
_PAUSE_S = 0.25
_PAUSE_STEPS = 4
_N_PREFILL_MIN = 4  # per step, whatever it costs: prompts have to get on, too


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next `n_tokens` prompt tokens of the prefilling sequence at `index`."""

    index: int
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Unread:
    """The `n_tokens` that a prefilling sequence still lacks, of the `n_whole` that it lacked when it got its slot."""

    n_tokens: int
    n_whole: int
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """Streams that run, and the tokens that each step reads for them."""

    n_streams: int
    n_decode: int


def prefill_budget(load: Load, unread: Sequence[Unread], n_batch: int, slowdown: float, cost: StepCost) -> int:
    """How many prompt tokens may join the tokens of running streams in a batch of `n_batch`. Needs a stream.

    1. As many as make the step `slowdown` times as long: at 2 a stream keeps half of its speed while a prompt is read.
       Where more prompts wait than streams run, the time is shared among all of them alike. A step of `GATHERED_S`
       slows nobody down who could see it.
    2. Short prompts are read at once: streams pause a moment, once, and nobody pays for many small chunks (seen: 8
       tokens at a time cost 2.5 times as much as 50). What is short goes by the whole prompt, not by a long one's end.
    """
    room = n_batch - load.n_decode
    if room <= 0:
        return 0
    share = len(unread) / load.n_streams
    slowdown = max(_MARGIN * slowdown, 1 + share if share > 1 else 1.0)
    decode_s = cost.decode.seconds(load.n_decode)
    limit_s = max((slowdown - 1) * decode_s, GATHERED_S - decode_s)
    pause_s = max(_PAUSE_S, _PAUSE_STEPS * decode_s)
    n_short = sum(each.n_tokens for each in unread if cost.prefill.seconds(each.n_whole) <= pause_s)
    n_at_once = min(n_short, cost.prefill.n_within(pause_s, room))
    return min(room, max(_N_PREFILL_MIN, cost.prefill.n_within(limit_s, room), n_at_once))


def copy_budget(n_batch: int, cost: StepCost) -> int:
    """How many prompt tokens of shadow copies a step reads: it can't be given up, and whoever comes waits for it."""
    return min(n_batch, max(_N_PREFILL_MIN, cost.prefill.n_within(_COPY_STEP_S, n_batch)))


def plan_prefill(unread: Sequence[Unread], budget: int) -> list[Chunk]:
    """Chunks for the prefilling sequences, which come in order of turn, of `budget` tokens together.

    1. Half goes to whose turn it is: the longest prompt gets on, of the lowest priority, too.
    2. The rest goes by priority, then to those nearest to their end: a short prompt does not wait for a long one.
    """
    if not unread or budget <= 0:
        return []
    n_tokens = [0] * len(unread)
    n_tokens[0] = min(unread[0].n_tokens, (budget + 1) // 2)
    budget -= n_tokens[0]
    for index in sorted(range(len(unread)), key=lambda index: (-unread[index].priority, unread[index].n_tokens)):
        n_more = min(budget, unread[index].n_tokens - n_tokens[index])
        n_tokens[index] += n_more
        budget -= n_more
    return [Chunk(index, n) for index, n in enumerate(n_tokens) if n]


def has_cells(n_running: Sequence[int], n_tokens: int, n_cells: int) -> bool:
    """Whether a sequence of `n_tokens` is let in beside running ones, which hold `n_running` tokens each.

    Every one of them must have room to write on for a while, or those let in would soon have to give way again. What
    they share counts for each of them: the answer is cautious. A sequence alone always has room.
    """
    if not n_running:
        return True
    return sum(n_running) + n_tokens + _N_CELLS_AHEAD * (len(n_running) + 1) <= n_cells
