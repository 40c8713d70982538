"""What goes into the next llama_decode: what streams have not read yet, guesses behind it, chunks of prompts."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence as Items
from dataclasses import dataclass, field

import numpy as np

from lsrv.engine.cost import StepCost
from lsrv.engine.llama.batch import Batch
from lsrv.engine.media.embedded import EmbeddedBatch
from lsrv.engine.media.span import MediaSpan
from lsrv.engine.prefix.cache import PrefixCache
from lsrv.engine.scheduler import PrefillChunk, StreamLoad, Unread, copy_budget, plan_beside_streams, plan_prefill
from lsrv.engine.scoring import share_rows
from lsrv.engine.sequence import Sequence, SequenceState
from lsrv.engine.speculation.speculation import Speculation
from lsrv.protocol.commands import LoadParams

_N_PORTION_MIN = 16  # embeddings that a step reads however dear they are
_by_seq_id = operator.attrgetter("seq_id")


@dataclass(frozen=True, slots=True)
class SequenceRows:
    """Outputs of one sequence, in this order: those that score its prompt, and those that tokens are chosen from."""

    sequence: Sequence
    n_scoring: int
    n_choosing: int


@dataclass(slots=True)
class Filled:
    """A batch, in terms of sequences."""

    batch: Batch | EmbeddedBatch
    rows: list[SequenceRows] = field(default_factory=list[SequenceRows])  # in the order of its outputs
    n_prefill: int = 0
    _sum_past: int = 0
    _before: list[tuple[Sequence, int, SequenceState]] = field(
        default_factory=list[tuple[Sequence, int, SequenceState]]
    )

    @property
    def sampled(self) -> list[Sequence]:
        """The sequences that get tokens from it."""
        return [each.sequence for each in self.rows if each.n_choosing]

    @property
    def is_scoring(self) -> bool:
        return any(each.n_scoring for each in self.rows)

    @property
    def n_past(self) -> int:
        """How many tokens are before one of a prompt, at the beginning of its chunk, on average."""
        return self._sum_past // self.n_prefill if self.n_prefill else 0

    def advance(self, sequence: Sequence, n_tokens: int, state: SequenceState) -> None:
        """A sequence's next tokens are in the batch."""
        if sequence.state is SequenceState.PREFILL:
            self.n_prefill += n_tokens
            self._sum_past += n_tokens * sequence.n_past
        self._before.append((sequence, sequence.n_past, sequence.state))
        sequence.n_past += n_tokens
        sequence.state = state

    def undo(self) -> None:
        """The batch was not decoded: all sequences are where they were."""
        for sequence, n_past, state in self._before:
            sequence.n_past, sequence.state, sequence.guesses = n_past, state, []


class Filling:
    """Fills one batch again and again. Belongs to the engine thread."""

    def __init__(self, params: LoadParams, cache: PrefixCache, cost: StepCost, speculation: Speculation | None) -> None:
        self._batch = Batch(params.n_batch)
        self._embedded: EmbeddedBatch | None = None  # made with the first picture or sound
        self._was_embedded = False  # the last batch was of these
        self._n_batch = params.n_batch
        self._n_step = min(params.n_batch, params.n_ubatch)  # while others wait for the next one
        self._n_prefill = params.n_prefill or self._n_step
        self._n_scored = params.n_outputs - params.n_slots  # tokens of prompts that a step has outputs for
        self._slowdown = params.prefill_slowdown
        self._cache = cache
        self._cost = cost
        self._speculation = speculation
        self._n_steps_alone = math.inf  # since streams that still run paused for a long prompt

    def fill(self, turn: Items[Sequence], n_streams: int) -> Filled:
        """Write the next batch for the sequences of a turn; `n_streams` run in all turns together.

        Rising seq_ids: a split KV cache computes only neighbouring streams in one ubatch, in just this order; any other
        costs a pass over the weights for every break (llama_batch_allocr::split_equal with `sequential`).
        """
        self._n_steps_alone = self._n_steps_alone + 1 if n_streams else math.inf
        looking = self._looking(turn)
        if looking is not None:
            return self._fill_embedded(looking, n_streams)
        self._was_embedded = False
        turn = [each for each in turn if _span_of(each) is None]
        self._batch.clear()
        filled = Filled(self._batch)
        chunks = self._plan_prefill(turn, n_streams)
        if not chunks:  # a prompt takes the time that guesses would use
            self._guess(turn)
        for sequence in sorted(turn, key=_by_seq_id):
            if sequence.state is SequenceState.DECODE:
                self._add_decode(filled, sequence)
            elif sequence.seq_id in chunks:
                self._add_chunk(filled, sequence, chunks[sequence.seq_id])
        return filled

    def _looking(self, turn: Items[Sequence]) -> Sequence | None:
        """Whose picture or sound is read now: a batch holds tokens or embeddings, and both take turns."""
        reading = [each for each in turn if _span_of(each) is not None and not self._cache.is_following(each)]
        others = (each for each in turn if each not in reading and not self._cache.is_following(each))
        if not reading or (self._was_embedded and any(others)):
            return None
        return min(reading, key=operator.attrgetter("due_s"))

    def _fill_embedded(self, sequence: Sequence, n_streams: int) -> Filled:
        """A portion of a picture or sound, as of a prompt; all of it where its parts see each other."""
        span = _span_of(sequence)
        assert span is not None
        self._embedded = self._embedded or EmbeddedBatch(self._n_batch)
        self._was_embedded = True
        start = sequence.n_past - span.start
        end = span.n_tokens
        if span.is_causal:
            end = min(end, start + self._n_portion(sequence, end - start, n_streams))
        is_last = sequence.n_past + end - start == sequence.n_tokens
        pos = sequence.media.position(span.start)
        self._embedded.fill(span, start, end, pos, sequence.seq_id, n_outputs=int(is_last))
        filled = Filled(self._embedded)
        filled.advance(sequence, end - start, SequenceState.DECODE if is_last else SequenceState.PREFILL)
        if is_last:
            filled.rows.append(SequenceRows(sequence, 0, 1))
        return filled

    def _n_portion(self, sequence: Sequence, n_tokens: int, n_streams: int) -> int:
        """How many embeddings a step reads beside streams, which wait for it."""
        if not n_streams or not self._cost.decode.seconds(n_streams):
            return self._n_prefill
        unread = [
            Unread(n_tokens, n_whole=n_tokens, n_past=sequence.n_past, priority=sequence.priority, is_older=False)
        ]
        load = StreamLoad(n_streams, n_streams, self._n_steps_alone)
        chunks = plan_beside_streams(load, unread, self._n_step, self._slowdown, self._cost).chunks
        return chunks[0].n_tokens if chunks else _N_PORTION_MIN

    def _guess(self, turn: Items[Sequence]) -> None:
        if self._speculation is None or not self._speculation.may_guess(turn):
            return
        streams = sorted((each for each in turn if each.state is SequenceState.DECODE), key=_by_seq_id)
        n_step = sum(each.n_unread for each in streams)
        self._speculation.guess(streams, n_step, self._n_batch - n_step, self._cost)

    def _plan_prefill(self, turn: Items[Sequence], n_streams: int) -> dict[int, int]:
        """How many prompt tokens of which seq_id this step reads."""
        prefilling = [each for each in turn if each.state is SequenceState.PREFILL]
        prefilling = [each for each in prefilling if not self._cache.is_following(each)]
        if not prefilling:
            return {}
        # Who reads for others, too, does so with the priority of the one who needs it most.
        awaiting = {each: (each, *self._cache.followers(each)) for each in prefilling}
        prefilling.sort(key=lambda sequence: min(each.due_s for each in awaiting[sequence]))
        began_s = self._streams_began_s(turn, n_streams)
        n_scored = self._shares_of_scored(prefilling)
        prefilling = [each for each in prefilling if n_scored.get(each) != 0]
        unread = [
            Unread(
                min(_n_text(each, self._cache.n_readable(each)), n_scored.get(each, self._n_batch)),
                n_whole=each.n_tokens - each.n_cached,
                n_past=each.n_past,
                priority=max(other.priority for other in awaiting[each]),
                is_older=not each.is_copy and each.due_s < began_s,
            )
            for each in prefilling
        ]
        if n_streams:
            chunks = self._plan_beside_streams(turn, n_streams, unread)
        else:
            is_for_copies = all(each.is_copy for each in prefilling)
            n_tokens = copy_budget(self._n_prefill, unread[0].n_past, self._cost) if is_for_copies else self._n_prefill
            chunks = plan_prefill(unread, n_tokens)
        return {prefilling[chunk.index].seq_id: chunk.n_tokens for chunk in chunks}

    def _shares_of_scored(self, prefilling: Items[Sequence]) -> dict[Sequence, int]:
        """How many tokens those may read whose prompts are scored: each of them takes an output."""
        scored = [each for each in prefilling if each.is_being_scored]
        return dict(zip(scored, share_rows(len(scored), self._n_scored), strict=True)) if scored else {}

    def _streams_began_s(self, turn: Items[Sequence], n_streams: int) -> float:
        """When the first of all running streams got its first token; long ago if some are of another turn."""
        began = [each.first_token_at for each in turn if each.state is SequenceState.DECODE]
        return min(began) if began and len(began) == n_streams else -math.inf

    def _plan_beside_streams(self, turn: Items[Sequence], n_streams: int, unread: Items[Unread]) -> list[PrefillChunk]:
        n_decode = sum(each.n_unread for each in turn if each.state is SequenceState.DECODE)
        if n_decode and not self._cost.decode.seconds(n_decode):
            return []  # what streams take without prompts is not known yet: this step tells
        # Those of another turn wait for this step, too.
        load = StreamLoad(n_streams, n_decode or n_streams, self._n_steps_alone)
        plan = plan_beside_streams(load, unread, self._n_step, self._slowdown, self._cost)
        if plan.is_long:
            self._n_steps_alone = 0
        return plan.chunks

    def _add_decode(self, filled: Filled, sequence: Sequence) -> None:
        """Add what was generated last: one token, or more where some were forced; and guesses behind it."""
        n_guesses = len(sequence.guesses)
        n_tokens = sequence.n_unread + n_guesses
        if n_tokens == 1:
            self._batch.add_decode(sequence.generated[-1], sequence.next_position, sequence.seq_id)
        else:
            tokens = np.concatenate([sequence.unread(), np.array(sequence.guesses, np.int32)])
            self._batch.add_chunk(tokens, sequence.next_position, sequence.seq_id, n_outputs=1 + n_guesses)
        filled.advance(sequence, n_tokens, SequenceState.DECODE)
        filled.rows.append(SequenceRows(sequence, 0, 1 + n_guesses))

    def _add_chunk(self, filled: Filled, sequence: Sequence, n_tokens: int) -> None:
        """Add prompt tokens; if they are the last ones, their logits choose the first new token."""
        is_last = n_tokens == sequence.n_unread
        chunk = sequence.unread()[:n_tokens]
        n_scoring = sequence.scores.n_outputs(sequence.n_past + n_tokens) if sequence.scores is not None else 0
        rows = SequenceRows(sequence, n_scoring, int(is_last))
        self._batch.add_chunk(chunk, sequence.next_position, sequence.seq_id, n_outputs=n_scoring + is_last)
        filled.advance(sequence, n_tokens, SequenceState.DECODE if is_last else SequenceState.PREFILL)
        if rows.n_scoring or rows.n_choosing:
            filled.rows.append(rows)


def _span_of(sequence: Sequence) -> MediaSpan | None:
    """The picture or sound that a sequence reads next; None: it reads text, or writes."""
    return sequence.media.at(sequence.n_past) if sequence.media else None


def _n_text(sequence: Sequence, end: int) -> int:
    """How many tokens of text a sequence reads next, up to `end`."""
    return sequence.media.n_text(sequence.n_past, end) if sequence.media else end - sequence.n_past
