"""Which prompt tokens go into the next llama_decode. Pure: counts in, a plan out; no clock, no llama.cpp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lsrv.engine.cost import StepCost

# Tokens that come faster are sent together: sending each alone would cost more than computing it. Real models take
# longer for one step, so each of their tokens goes out at once.
GATHERED_S = 0.004

_MARGIN = 0.9  # of what streams may be slowed down: steps vary
_N_CELLS_AHEAD = 64  # of a shared KV cache, per sequence
_COPY_STEP_S = 0.1
# How long streams pause for a prompt, once: a reader hardly minds, and a dozen steps are little beside a whole answer.
# They are what a prompt of 500 tokens takes beside eight streams, whatever the machine: read at once it costs a fifth
# less than in portions, and its client waits a fifth of the time.
_PAUSE_S = 0.75
_PAUSE_STEPS = 12
_STEPS_BETWEEN = 28  # between two pauses for long prompts: 96 of 100 tokens come as fast as ever
_WORTH_PAUSING = 1.5  # times as many tokens per second as with a small chunk in each step: streams run smoother then
_N_LARGE = 64  # ggml's attention on a CPU takes as long for half as many: rather a pause twice as long
_N_PREFILL_MIN = 4  # per chunk, whatever it costs: prompts have to get on, too


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """The next `n_tokens` prompt tokens of the prefilling sequence at `index`."""

    index: int
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Unread:
    """The `n_tokens` that a prefilling sequence lacks behind `n_past`, of the `n_whole` that it lacked at first.

    `is_older`: it was waiting when the first of the streams that run now began.
    """

    n_tokens: int
    n_whole: int
    n_past: int = 0
    priority: int = 0
    is_older: bool = False

    @property
    def n_cached(self) -> int:
        return max(0, self.n_past + self.n_tokens - self.n_whole)  # what may be read now may be less than what is left


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """Streams that run, the tokens that each step reads for them, and the steps since a long prompt held them up."""

    n_streams: int
    n_decode: int
    n_steps_alone: float = math.inf


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What a step reads beside the tokens of streams. `is_long`: of a long prompt, too."""

    chunks: list[PrefillChunk]
    is_long: bool = False


def plan_beside_streams(
    load: StreamLoad, unread: Sequence[Unread], n_batch: int, slowdown: float, cost: StepCost
) -> StepPlan:
    """Chunks that join the tokens of running streams in a batch of `n_batch`. Needs a stream.

    1. Prompts that waited while those of all running streams were read get the whole batch: they came together, and
       who was read first owes the others the same. In portions beside the first, eight would take half as long again.
    2. Short prompts are read at once: streams pause a moment, and nobody pays for many small chunks (seen: 8 tokens at
       a time cost 2.5 times as much as 50). What is short goes by the whole prompt, not by a long one's end. Of many,
       one pause after the other reads some: the first of them need not wait for the last.
    3. Of long ones in each step as much as makes it `slowdown` times as long: at 2 a stream keeps half of its speed.
       Where small chunks cost so much that this gets on slower, streams pause for a large one now and then.
    4. Where more prompts wait than streams run, the time is shared among all of them alike.
    """
    room = n_batch - load.n_decode
    if room <= 0:
        return StepPlan([])
    older = [index for index, each in enumerate(unread) if each.is_older]
    if older:
        return StepPlan(_divide(unread, older, room))
    pace = _Pace.of(load, len(unread), slowdown, cost)
    is_short = [cost.prefill.seconds(each.n_whole, each.n_cached) <= pace.pause_s for each in unread]
    short = [index for index, is_it in enumerate(is_short) if is_it]
    long = [index for index, is_it in enumerate(is_short) if not is_it]
    chunks: list[PrefillChunk] = []
    if short:
        chunks = _divide(unread, short, pace.n_at_once(unread[short[0]].n_past, room))
        room -= sum(chunk.n_tokens for chunk in chunks)
    of_long = _divide(unread, long, pace.n_of_long(load.n_steps_alone, unread[long[0]].n_past, room)) if long else []
    return StepPlan(chunks + of_long, is_long=bool(of_long))


@dataclass(frozen=True, slots=True)
class _Pace:
    """How much of their time streams leave to prompts."""

    cost: StepCost
    decode_s: float  # a step without prompts
    slowdown: float
    pause_s: float
    share: float  # prompts that wait for each stream, at least 1

    @staticmethod
    def of(load: StreamLoad, n_prompts: int, slowdown: float, cost: StepCost) -> _Pace:
        decode_s = cost.decode.seconds(load.n_decode)
        share = n_prompts / load.n_streams
        slowdown = max(_MARGIN * slowdown, 1 + share if share > 1 else 1.0)
        return _Pace(cost, decode_s, slowdown, max(_PAUSE_S, _PAUSE_STEPS * decode_s), max(1.0, share))

    def n_at_once(self, n_past: int, room: int) -> int:
        """How many tokens of short prompts a step reads while streams pause."""
        return _chunk_within(self.pause_s, room, n_past, self.cost)

    def n_of_long(self, n_steps_alone: float, n_past: int, room: int) -> int:
        """Tokens of long prompts: a small chunk in each step or a large one now and then, whichever reads more."""
        # A step of GATHERED_S slows nobody down who could see it.
        limit_s = max((self.slowdown - 1) * self.decode_s, GATHERED_S - self.decode_s)
        n_each = self.cost.prefill.n_within(limit_s, room, n_past)
        each_s = self.decode_s + self.cost.prefill.seconds(n_each, n_past)
        n_large = self._n_large(n_past, room)
        large_s = self.cost.prefill.seconds(n_large, n_past)
        n_between = self._steps_between(large_s)
        round_s = (n_between + 1) * self.decode_s + large_s
        if n_each >= _N_PREFILL_MIN and n_large * each_s < _WORTH_PAUSING * n_each * round_s:
            return n_each
        return n_large if n_steps_alone >= n_between else 0

    def _n_large(self, n_past: int, room: int) -> int:
        """Tokens of a chunk that streams pause for."""
        n_long = min(_N_LARGE, self.cost.prefill.n_within(2 * self.pause_s, room, n_past))
        return max(n_long, _chunk_within(self.pause_s, room, n_past, self.cost))

    def _steps_between(self, pause_s: float) -> int:
        """Steps without a chunk after one that takes `pause_s`, so that streams lose no more than they may."""
        if not self.decode_s:
            return 0
        return math.ceil(max(_STEPS_BETWEEN, pause_s / ((self.slowdown - 1) * self.decode_s)) / self.share)


def copy_budget(n_batch: int, n_past: int, cost: StepCost) -> int:
    """How many prompt tokens of shadow copies a step reads: it can't be given up, and whoever comes waits for it."""
    return _chunk_within(_COPY_STEP_S, n_batch, n_past, cost)


def _chunk_within(limit_s: float, room: int, n_past: int, cost: StepCost) -> int:
    """The number of prompt tokens that take `limit_s`, but a few at least."""
    return min(room, max(_N_PREFILL_MIN, cost.prefill.n_within(limit_s, room, n_past)))


def plan_prefill(unread: Sequence[Unread], budget: int) -> list[PrefillChunk]:
    """Chunks for the prefilling sequences, which come in order of turn, of `budget` tokens together.

    1. Half goes to whose turn it is: the longest prompt gets on, of the lowest priority, too.
    2. The rest goes by priority, then to those nearest to their end: a short prompt does not wait for a long one.
    """
    return _divide(unread, range(len(unread)), budget)


def _divide(unread: Sequence[Unread], indices: Sequence[int], budget: int) -> list[PrefillChunk]:
    """`plan_prefill` for those at `indices`, which are in order of turn."""
    if not indices or budget <= 0:
        return []
    n_tokens = dict.fromkeys(indices, 0)
    n_tokens[indices[0]] = min(unread[indices[0]].n_tokens, (budget + 1) // 2)
    budget -= n_tokens[indices[0]]
    for index in sorted(indices, key=lambda index: (-unread[index].priority, unread[index].n_tokens)):
        n_more = min(budget, unread[index].n_tokens - n_tokens[index])
        n_tokens[index] += n_more
        budget -= n_more
    return [PrefillChunk(index, n) for index, n in n_tokens.items() if n]


def has_cells(n_running: Sequence[int], n_tokens: int, n_cells: int) -> bool:
    """Whether a sequence of `n_tokens` is let in beside running ones, which hold `n_running` tokens each.

    Every one of them must have room to write on for a while, or those let in would soon have to give way again. What
    they share counts for each of them: the answer is cautious. A sequence alone always has room.
    """
    if not n_running:
        return True
    return sum(n_running) + n_tokens + _N_CELLS_AHEAD * (len(n_running) + 1) <= n_cells
