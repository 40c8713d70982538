"""The engine of embedding models and rerankers: packs inputs of all requests into rounds. One thread, no I/O.

A round is as many inputs as fill a ubatch, or one that is longer. How it is computed depends on the model:

- Whole: every token asks for an output, in one llama_decode. Pooling sees one ubatch, so no input may be longer.
- In parts (Context.reads_in_parts): the vector is that of the last token, and no token looks ahead. All but the last
  tokens are read without any output, the last ones of all inputs together then give the vectors. llama.cpp computes
  logits of every token that has an output, even for embeddings; for a vocabulary of 150k tokens and a 0.6B model this
  saves a quarter of the work, and 600 kB of memory per token.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lsrv.engine.engine import EngineCounts
from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.vocab import Tokens
from lsrv.engine.turns import InputTurns
from lsrv.protocol.commands import LoadParams

Vectors = npt.NDArray[np.float32]

_INT16_SCALE = 32760.0  # of norm 0, as common_embd_normalize has it


@dataclass(slots=True, eq=False)
class EmbeddingInputs:
    """Inputs of one request, each int32 (n,), and what came of each.

    That is float32 (length,), or without pooling (n, length). `norm`: see Embed.
    """

    request_id: int
    inputs: list[Tokens]
    norm: int
    vectors: list[Vectors | None] = field(init=False)
    n_missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.vectors = [None] * len(self.inputs)
        self.n_missing = len(self.inputs)


@dataclass(frozen=True, slots=True)
class _Part:
    """Tokens start..end of the input that is sequence `seq_id` of the round."""

    seq_id: int
    start: int
    end: int


class EmbeddingEngine:
    """Vectors from one context, which forgets its cells after each round."""

    def __init__(self, context: Context, params: LoadParams, length: int) -> None:
        """`length` of a vector: of what pooling gives, so a reranker's is its number of labels."""
        self._context = context
        self._length = length
        self._n_slots = params.n_slots
        self._n_packed = params.n_ubatch
        self._batch = Batch(params.n_batch)
        self._turns = InputTurns()
        self._requests: dict[int, EmbeddingInputs] = {}
        self._round: list[tuple[EmbeddingInputs, int]] = []  # which input each sequence is
        self._unread: deque[_Part] = deque()  # of the round, without last tokens
        self.counts = EngineCounts()

    @property
    def has_work(self) -> bool:
        return bool(self._requests)

    @property
    def n_waiting(self) -> int:
        return len(self._turns)

    @property
    def n_running(self) -> int:
        return len(self._round)

    def submit(self, request: EmbeddingInputs) -> None:
        """Queue inputs, each known to fit the context."""
        self._requests[request.request_id] = request
        self._turns.add(request.request_id, [len(tokens) for tokens in request.inputs])

    def abort(self, request_id: int) -> bool:
        """Forget the inputs of a request; whether there were any left. What is in the round is computed in vain."""
        self._turns.remove(request_id)
        was_there = self._requests.pop(request_id, None) is not None
        if not self._requests:
            self._round, self._unread = [], deque()
        return was_there

    def fail_all(self) -> list[EmbeddingInputs]:
        """Forget every request, after a DecodeError; returns them."""
        failed = list(self._requests.values())
        for request in failed:
            self.abort(request.request_id)
        return failed

    def step(self) -> list[EmbeddingInputs]:
        """One llama_decode; returns the requests that it completed. Raises DecodeError."""
        started = time.perf_counter()
        if not self._round:
            self._begin_round()
        is_last = not self._unread
        if is_last:
            self._ask_vectors()
        else:
            self._read_on()
        computed = time.perf_counter()
        self._context.decode(self._batch)
        decoded = time.perf_counter()
        completed = self._end_round() if is_last else []
        self.counts.n_steps += 1
        self.counts.n_prefill_tokens += self._batch.n_tokens
        self.counts.compute_s += decoded - computed
        self.counts.overhead_s += time.perf_counter() - decoded + computed - started
        return completed

    def _begin_round(self) -> None:
        self._context.memory.empty()
        taken = self._turns.take(self._n_packed, self._n_slots)
        self._round = [(self._requests[request_id], index) for request_id, index in taken]
        if self._context.reads_in_parts:
            lengths = [len(request.inputs[index]) for request, index in self._round]
            self._unread.extend(_Part(seq_id, 0, length - 1) for seq_id, length in enumerate(lengths) if length > 1)

    def _read_on(self) -> None:
        """Read as much of what is unread as fits one batch."""
        batch = self._batch
        batch.clear()
        while self._unread and batch.n_tokens < batch.capacity:
            part = self._unread.popleft()
            end = min(part.end, part.start + batch.capacity - batch.n_tokens)
            request, index = self._round[part.seq_id]
            batch.add_chunk(request.inputs[index][part.start : end], part.start, part.seq_id, n_outputs=0)
            if end < part.end:
                self._unread.appendleft(_Part(part.seq_id, end, part.end))
        self._context.use_pooling(False)

    def _ask_vectors(self) -> None:
        batch = self._batch
        batch.clear()
        for seq_id, (request, index) in enumerate(self._round):
            tokens = request.inputs[index]
            start = len(tokens) - 1 if self._context.reads_in_parts else 0
            batch.add_chunk(tokens[start:], start, seq_id, n_outputs=len(tokens) - start)
        self._context.use_pooling(True)

    def _end_round(self) -> list[EmbeddingInputs]:
        completed: list[EmbeddingInputs] = []
        row = 0
        for seq_id, (request, index) in enumerate(self._round):
            n_tokens = len(request.inputs[index])
            if self._context.pooling == "none":
                vectors = self._context.token_embeddings(row, row + n_tokens, self._length)
            else:
                vectors = normalized(self._context.pooled_embedding(seq_id, self._length), request.norm)
            row += n_tokens
            request.vectors[index] = vectors
            request.n_missing -= 1
            if request.n_missing == 0 and self._requests.pop(request.request_id, None) is not None:
                completed.append(request)
        self._round = []
        return completed


def normalized(vector: Vectors, norm: int) -> Vectors:
    """`vector` divided by its `norm` (see Embed); a zero vector stays what it is. Source: common_embd_normalize."""
    if norm < 0:
        return vector
    size = float(np.abs(vector).max()) / _INT16_SCALE if norm == 0 else float(np.linalg.norm(vector, norm))
    return vector / np.float32(size) if size > 0 else vector
