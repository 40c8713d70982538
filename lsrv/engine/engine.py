"""The engine of a generating model: admit, schedule, decode, sample, emit. One thread, no I/O, no dialect."""

from __future__ import annotations

import operator
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from lsrv.engine.adapters import Adapters, Turns
from lsrv.engine.cost import StepCost
from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.context import Context, FloatRows
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.prefix.cache import PrefixCache
from lsrv.engine.scheduler import Load, plan_prefill, prefill_budget
from lsrv.engine.sequence import Output, Sequence, SequenceState
from lsrv.engine.speculation.speculation import Speculation
from lsrv.engine.writing import Writer
from lsrv.protocol.commands import LoadParams
from lsrv.protocol.events import CacheUse, FinishReason

_N_FORCED_MAX = 64  # tokens that a constraint may add to a step, per sequence
_by_seq_id = operator.attrgetter("seq_id")


@dataclass(slots=True)
class EngineCounts:
    """Totals since the load."""

    n_steps: int = 0
    n_prefill_tokens: int = 0
    n_decode_tokens: int = 0
    n_cached_tokens: int = 0
    n_prompts: int = 0  # read to their end
    n_cache_hits: int = 0  # of these: those with cached tokens
    n_guessed_tokens: int = 0  # by speculation
    n_right_tokens: int = 0  # of those
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
    ) -> None:
        """`speculation`: None decodes token by token."""
        self.adapters = adapters
        self._turns = Turns()
        self._context = context
        self._writer = Writer(vocab)
        self._speculation = speculation
        self._cache = cache
        self._n_batch = params.n_batch
        self._n_ubatch = params.n_ubatch
        self._batch = Batch(params.n_batch)
        self._n_forced = min(_N_FORCED_MAX, params.n_batch // params.n_slots - 1)
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._cost = StepCost()
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

    def cache_use(self) -> CacheUse:
        """What the prefix cache holds, and how often it helped."""
        return replace(self._cache.use(), n_prompts=self.counts.n_prompts, n_hits=self.counts.n_cache_hits)

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence whose prompt is known to fit its slot."""
        self._waiting.append(sequence)

    def abort(self, request_id: int) -> Sequence | None:
        """End a sequence now and free its slot; None if there is none of that id any more."""
        for sequence in [*self._running, *self._waiting]:
            if sequence.request_id == request_id:
                self._finish(sequence, "abort")
                return sequence
        return None

    def step(self) -> list[Output]:
        """One llama_decode for all slots with the same adapters: what it produced, in no particular order.

        Raises DecodeError; nothing can go on then: `fail_all`.
        """
        started = time.perf_counter()
        self._admit(started)
        n_prefill = self.counts.n_prefill_tokens
        sampled = self._fill_batch(self._next_turn(started))
        n_prefill = self.counts.n_prefill_tokens - n_prefill
        computed = time.perf_counter()
        self._context.decode(self._batch)
        decoded = time.perf_counter()
        self._cost.observe(self._batch.n_tokens - n_prefill, n_prefill, decoded - computed)
        outputs = self._sample(sampled, decoded)
        ended = time.perf_counter()
        self.counts.n_steps += 1
        self.counts.compute_s += decoded - computed
        self.counts.overhead_s += ended - decoded + computed - started
        return outputs

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

    def save_cache(self, until_s: float) -> int:
        """Keep cached prompts on disk for the next load; returns how many. See `PrefixCache.save`."""
        return self._cache.save(until_s)

    def _admit(self, now: float) -> None:
        while self._waiting and self._cache.can_take():
            sequence = self._waiting.popleft()
            sequence.scheduled_at = now
            sequence.state = SequenceState.PREFILL
            self._writer.force_first(sequence, self._n_forced)
            self._cache.take(sequence)
            self._running.append(sequence)
        self._cache.join_leaders()

    def _next_turn(self, now: float) -> list[Sequence]:
        """The sequences that this step computes: llama.cpp applies adapters to a whole batch."""
        adapters = self._turns.next([sequence.adapters for sequence in self._running], now)
        self._context.use_adapters(self.adapters.weighted(adapters))
        return [sequence for sequence in self._running if sequence.adapters == adapters]

    def _fill_batch(self, turn: list[Sequence]) -> list[Sequence]:
        """Write the next batch; returns the sequences that get a token from it, in the order of its output rows.

        Rising seq_ids: a split KV cache computes only neighbouring streams in one ubatch, in just this order; any other
        costs a pass over the weights for every break (llama_batch_allocr::split_equal with `sequential`).
        """
        self._batch.clear()
        self._guess(turn)
        n_prefill = self._plan_prefill(turn)
        sampled: list[Sequence] = []
        for sequence in sorted(turn, key=_by_seq_id):
            if sequence.state is SequenceState.DECODE:
                self._add_decode(sequence)
                sampled.append(sequence)
            elif sequence.seq_id in n_prefill and self._add_chunk(sequence, n_prefill[sequence.seq_id]):
                sampled.append(sequence)
        return sampled

    def _guess(self, turn: list[Sequence]) -> None:
        """Let the streams of a step guess; not while prompts are read, which take the time that guesses would use."""
        if self._speculation is None or any(each.state is SequenceState.PREFILL for each in turn):
            return
        streams = sorted(turn, key=_by_seq_id)
        self._speculation.guess(streams, sum(each.n_unread for each in streams), self._cost.decode)

    def _plan_prefill(self, turn: list[Sequence]) -> dict[int, int]:
        """How many prompt tokens of which seq_id this step reads."""
        prefilling = [each for each in turn if each.state is SequenceState.PREFILL]
        prefilling = [each for each in prefilling if not self._cache.is_following(each)]
        n_remaining = [self._cache.n_readable(sequence) - sequence.n_past for sequence in prefilling]
        chunks = plan_prefill(n_remaining, self._prefill_budget(turn, len(prefilling)))
        return {prefilling[chunk.index].seq_id: chunk.n_tokens for chunk in chunks}

    def _prefill_budget(self, turn: list[Sequence], n_prompts: int) -> int:
        streams = [each for each in self._running if each.state is SequenceState.DECODE]
        if not streams:
            return self._n_batch
        # Those of another turn wait for this step, too.
        n_decode = sum(each.n_unread for each in streams if each in turn) or len(streams)
        load = Load(len(streams), n_decode, n_prompts)
        return prefill_budget(load, min(self._n_batch, self._n_ubatch), self._cost)

    def _add_decode(self, sequence: Sequence) -> None:
        """Add what was generated last: one token, or more where some were forced; and guesses behind it."""
        n_guesses = len(sequence.guesses)
        n_tokens = sequence.n_unread + n_guesses
        if n_tokens == 1:
            self._batch.add_decode(sequence.generated[-1], sequence.n_past, sequence.seq_id)
        else:
            unread = sequence.tokens(sequence.n_past, sequence.n_tokens)
            tokens = np.concatenate([unread, np.array(sequence.guesses, np.int32)])
            self._batch.add_chunk(tokens, sequence.n_past, sequence.seq_id, n_outputs=1 + n_guesses)
        sequence.n_past += n_tokens
        self.counts.n_decode_tokens += n_tokens - n_guesses

    def _add_chunk(self, sequence: Sequence, n_tokens: int) -> bool:
        """Add prompt tokens; whether they were the last ones, whose logits choose the first new token."""
        start, end = sequence.n_past, sequence.n_past + n_tokens
        is_last = end == sequence.n_tokens
        self._batch.add_chunk(sequence.tokens(start, end), start, sequence.seq_id, n_outputs=int(is_last))
        sequence.n_past = end
        self.counts.n_prefill_tokens += n_tokens
        if is_last:
            sequence.state = SequenceState.DECODE
            self.counts.n_cached_tokens += sequence.n_cached
            self.counts.n_prompts += 1
            self.counts.n_cache_hits += sequence.n_cached > 0
        return is_last

    def _sample(self, sampled: list[Sequence], now: float) -> list[Output]:
        if not sampled:
            return []
        rows = self._context.logits(sum(1 + len(sequence.guesses) for sequence in sampled))
        outputs: list[Output] = []
        for sequence in sampled:
            n_rows = 1 + len(sequence.guesses)
            outputs.append(self._write(sequence, rows[:n_rows], now))
            rows = rows[n_rows:]
        return outputs

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
            is_right = sequence.n_tokens == n_tokens and sequence.generated[-1] == guess  # else more were forced
            if not is_right or sequence.finish_reason is not None:
                break
            n_right += 1
            output = output.followed_by(self._writer.write(sequence, row, self._n_forced))
        self._speculation.verified(sequence, n_right)
        sequence.n_guessed += len(guesses)
        sequence.n_right += n_right
        self.counts.n_guessed_tokens += len(guesses)
        self.counts.n_right_tokens += n_right
        sequence.guesses = []
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
