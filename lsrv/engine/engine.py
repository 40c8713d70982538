"""The engine of a generating model: admit, schedule, decode, sample, emit. One thread, no I/O, no dialect."""

from __future__ import annotations

import operator
import time
from dataclasses import dataclass

from msgspec.structs import replace

from lsrv.engine.adapters import Adapters, AdapterTurns
from lsrv.engine.cost import StepCost
from lsrv.engine.filling import Filled, Filling, SequenceRows
from lsrv.engine.line import WaitingLine
from lsrv.engine.llama.context import Context, FloatRows, NoCellsError
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.prefix.cache import PrefixCache
from lsrv.engine.scheduler import has_cells
from lsrv.engine.sequence import Output, Sequence, SequenceState
from lsrv.engine.shift import plan_shift
from lsrv.engine.speculation.speculation import Speculation
from lsrv.engine.writing import Writer
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import FinishReason, PrefixCacheUse

_turn = operator.attrgetter("due_s")

_N_PREFILL = 512  # tokens over which the speed of reading is taken: a few alone cost a step each
_N_FORCED_MAX = 64  # tokens that a constraint may add to a step, per sequence


@dataclass(slots=True)
class EngineCounts:
    """What an engine has done since the load, in totals."""

    n_steps: int = 0
    n_prefill_tokens: int = 0
    n_decode_tokens: int = 0
    n_cached_tokens: int = 0
    n_prompts: int = 0  # read to their end
    n_cache_hits: int = 0  # of these: those with cached tokens
    n_guessed_tokens: int = 0  # by speculation
    n_right_tokens: int = 0  # of those
    n_preempted: int = 0  # sequences that gave their cells to others for a while
    compute_s: float = 0.0  # inside llama_decode
    overhead_s: float = 0.0  # in steps, outside llama_decode


class Engine:
    """Continuous batching over the slots of one context. Every method belongs to one thread."""

    def __init__(
        self,
        context: Context,
        vocab: Vocab,
        params: LoadParams,
        cache: PrefixCache,
        adapters: Adapters,
        speculation: Speculation | None = None,
        cost: StepCost | None = None,
    ) -> None:
        """`speculation`: None decodes token by token. `cost`: what steps took so far; None begins to measure."""
        self.adapters = adapters
        self._turns = AdapterTurns()
        self._context = context
        self._writer = Writer(vocab)
        self._speculation = speculation
        self._cache = cache
        self._cost = StepCost() if cost is None else cost
        self._filling = Filling(params, cache, self._cost, speculation)
        self._n_cells = params.n_cells
        self._has_scarce_cells = params.n_cells < params.n_slots * params.n_ctx_seq
        self._n_ctx_seq = params.n_ctx_seq
        # A batch has room for those of all slots; half of a context is what a shift frees at least.
        self._n_forced = min(_N_FORCED_MAX, params.n_batch // params.n_slots - 1, params.n_ctx_seq // 2)
        self._waiting = WaitingLine()
        self._running: list[Sequence] = []
        self.counts = EngineCounts()

    @property
    def has_work(self) -> bool:
        return bool(self._running or self._waiting)

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def n_running(self) -> int:
        return len(self._running)

    def cache_use(self) -> PrefixCacheUse:
        """What the prefix cache holds, and how often it helped."""
        return replace(self._cache.use(), n_prompts=self.counts.n_prompts, n_hits=self.counts.n_cache_hits)

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence whose prompt is known to fit its slot."""
        self._waiting.add(sequence)

    def abort(self, request_id: int) -> Sequence | None:
        """End a sequence now and free its slot; None if there is none of that id any more."""
        for sequence in [*self._running, *self._waiting]:
            if sequence.request_id == request_id:
                self._finish(sequence, "abort")
                return sequence
        return None

    def end_thoughts(self, request_id: int) -> None:
        """Let a sequence think no longer, if there is one of that id that can be told."""
        for sequence in [*self._running, *self._waiting]:
            if sequence.request_id == request_id and sequence.thought_limit is not None:
                sequence.thought_limit.end()

    def step(self) -> list[Output]:
        """One llama_decode for all slots with the same adapters: what it produced, in no particular order.

        Raises DecodeError; nothing can go on then: `fail_all`.
        """
        started = time.perf_counter()
        failed = self._admit(started)
        if not self._running:
            return failed
        self._shift()
        filled = self._filling.fill(self._next_turn(started), self._n_streams)
        computed = time.perf_counter()
        filled = self._decode(filled)
        decoded = time.perf_counter()
        self._count(filled, decoded - computed)
        outputs = self._take(filled.rows, decoded)
        self.counts.overhead_s += time.perf_counter() - decoded + computed - started
        return failed + outputs

    def fail_all(self) -> list[Sequence]:
        """Forget every sequence and all memory, after a DecodeError; returns those that were running or waiting."""
        failed = [*self._running, *self._waiting]
        self._running.clear()
        self._waiting.clear()
        self._cache.clear()
        if self._speculation is not None:
            self._speculation.clear()
        self.free_retired_adapters()
        return failed

    def free_retired_adapters(self) -> None:
        """Free adapters that are no longer offered, once no sequence uses them."""
        if not self.adapters.has_retired:
            return
        in_use = [sequence.adapters for sequence in (*self._running, *self._waiting)]
        retired = self.adapters.take_retired(in_use)
        if retired:
            self._context.use_adapters([])  # llama.cpp knows them by their address, which may be another's tomorrow
        for adapter in retired:
            adapter.free()

    def save_cache(self, until_s: float, file_s: float = 0.0) -> int:
        """Keep cached prompts on disk for the next load; returns how many. See `PrefixCache.save`.

        `file_s`: what a file costs, to be written and found again; prompts that are computed in that time get none.
        """
        prefill_s = self._cost.prefill.seconds(_N_PREFILL)
        return self._cache.save(until_s, int(file_s * _N_PREFILL / prefill_s) if prefill_s else 0)

    def _admit(self, now: float) -> list[Output]:
        """Give slots to those that wait; returns those whose constraint can't be followed from the start."""
        failed: list[Output] = []
        while self._waiting and self._cache.can_take() and self._has_cells(self._waiting.first):
            sequence = self._waiting.first
            if not sequence.scheduled_at:
                sequence.scheduled_at = now
                self._writer.force_first(sequence, min(self._n_forced, self._n_ctx_seq - sequence.n_tokens))
            if sequence.finish_reason is not None:
                self._finish(sequence, sequence.finish_reason)
                failed.append(Output(sequence, ""))
                continue
            self._waiting.take(now)
            sequence.state = SequenceState.PREFILL
            self._cache.take(sequence)
            self._running.append(sequence)
        self._cache.join_leaders()
        return failed

    def _next_turn(self, now: float) -> list[Sequence]:
        """The sequences that this step computes: llama.cpp applies adapters to a whole batch."""
        adapters = self._turns.next([sequence.adapters for sequence in self._running], now)
        self._context.use_adapters(self.adapters.weighted(adapters))
        return [sequence for sequence in self._running if sequence.adapters == adapters]

    @property
    def _n_streams(self) -> int:
        return sum(each.state is SequenceState.DECODE for each in self._running)

    def _has_cells(self, sequence: Sequence) -> bool:
        if not self._has_scarce_cells:
            return True
        return has_cells([each.n_tokens for each in self._running], sequence.n_tokens, self._n_cells)

    def _shift(self) -> None:
        """Let full contexts give up their older half: only answers that may be longer than the context get here."""
        for sequence in self._running:
            if sequence.media:  # it ends with its context: what it saw has no other place
                continue
            shift = plan_shift(len(sequence.prompt), sequence.n_past, sequence.n_unread, self._n_ctx_seq)
            if shift is not None:
                self._context.memory.shift(sequence.seq_id, shift.n_keep, shift.n_drop)
                sequence.n_past -= shift.n_drop
                sequence.n_dropped += shift.n_drop

    def _decode(self, filled: Filled) -> Filled:
        """Decode the batch; where a shared KV cache is full, idle slots give theirs, then whose turn is last."""
        while True:
            try:
                self._context.decode(filled.batch)
                return filled
            except NoCellsError:
                if self._cache.free_cells():
                    continue
                filled.undo()
                if len(self._running) == 1:
                    raise
                self._preempt(max(self._running, key=_turn))
                filled = self._filling.fill(self._next_turn(time.perf_counter()), self._n_streams)

    def _preempt(self, sequence: Sequence) -> None:
        """Back to its place in the queue: it reads what it holds once more, and goes on where it was."""
        self._running.remove(sequence)
        self._cache.release(sequence)
        sequence.state, sequence.seq_id, sequence.n_past = SequenceState.WAITING, -1, 0
        self._waiting.put_back(sequence)
        self._cache.join_leaders()  # who followed it reads by itself
        self.counts.n_preempted += 1

    def _count(self, filled: Filled, compute_s: float) -> None:
        n_tokens = filled.batch.n_tokens
        if not filled.is_scoring:  # which takes longer for as many tokens
            self._cost.observe(n_tokens - filled.n_prefill, filled.n_prefill, filled.n_past, compute_s)
        self.counts.n_steps += 1
        self.counts.compute_s += compute_s
        self.counts.n_prefill_tokens += filled.n_prefill
        self.counts.n_decode_tokens += n_tokens - filled.n_prefill - sum(len(each.guesses) for each in filled.sampled)
        for sequence in filled.sampled:
            if not sequence.first_token_at:
                self.counts.n_cached_tokens += sequence.n_cached
                self.counts.n_prompts += 1
                self.counts.n_cache_hits += sequence.n_cached > 0

    def _take(self, rows: list[SequenceRows], now: float) -> list[Output]:
        """What the outputs of a step say: scores of prompts, new tokens."""
        if not rows:
            return []
        logits = self._context.logits(sum(each.n_scoring + each.n_choosing for each in rows))
        outputs: list[Output] = []
        for each in rows:
            n_rows = each.n_scoring + each.n_choosing
            outputs.append(self._take_rows(each, logits[:n_rows], now))
            logits = logits[n_rows:]
        return outputs

    def _take_rows(self, rows: SequenceRows, logits: FloatRows, now: float) -> Output:
        sequence = rows.sequence
        scored = self._writer.score(sequence, logits[: rows.n_scoring])
        output = self._write(sequence, logits[rows.n_scoring :], now) if rows.n_choosing else Output(sequence, "")
        output.prompt_logprobs = scored
        return output

    def _write(self, sequence: Sequence, rows: FloatRows, now: float) -> Output:
        """Append what the rows of logits, (1 + guesses, n_vocab), choose, as far as guesses were right."""
        if not sequence.first_token_at:
            sequence.first_token_at = now
        sequence.last_token_at = now
        output = self._writer.write(sequence, rows[0], self._n_forced)
        if sequence.guesses:
            output = self._verify(sequence, rows, output)
        if sequence.finish_reason is not None:
            self._finish(sequence, sequence.finish_reason)
        return output

    def _verify(self, sequence: Sequence, rows: FloatRows, output: Output) -> Output:
        """Go on with the rows behind guesses that are what was sampled; drop the cells of the other guesses."""
        assert self._speculation is not None
        guesses, n_right = sequence.guesses, 0
        n_tokens = sequence.n_past - len(guesses)
        for guess, row in zip(guesses, rows[1:], strict=True):
            n_tokens += 1
            is_right = sequence.n_kept == n_tokens and sequence.generated[-1] == guess  # else more were forced
            if not is_right or sequence.finish_reason is not None:
                break
            n_right += 1
            output = output.followed_by(self._writer.write(sequence, row, self._n_forced))
        self._speculation.verified(sequence, n_right)
        self.counts.n_guessed_tokens += len(guesses)
        self.counts.n_right_tokens += n_right
        sequence.verified(n_right)
        if n_right < len(guesses):
            sequence.n_past -= len(guesses) - n_right
            self._context.memory.keep_prefix(sequence.seq_id, sequence.n_past)
        return output

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        sequence.finish_reason = reason
        if sequence.state is SequenceState.WAITING:
            self._waiting.remove(sequence)
        else:
            self._running.remove(sequence)
            self._cache.release(sequence)
        sequence.state = SequenceState.FINISHED
        if self._speculation is not None:
            self._speculation.forget(sequence)
        self.free_retired_adapters()
