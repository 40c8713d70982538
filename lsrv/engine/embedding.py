"""The engine of embedding models and rerankers: packs inputs of all requests into batches. One thread, no I/O."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lsrv.engine.engine import EngineCounts
from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.context import Context, DecodeError
from lsrv.engine.llama.vocab import Tokens
from lsrv.protocol.commands import LoadParams

Vector = npt.NDArray[np.float32]


@dataclass(slots=True, eq=False)
class EmbeddingRequest:
    """Inputs of one request, each int32 (n,), and their vectors, float32 (length,), as they become known."""

    request_id: int
    inputs: list[Tokens]
    is_normalized: bool
    vectors: list[Vector | None] = field(init=False)
    n_missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.vectors = [None] * len(self.inputs)
        self.n_missing = len(self.inputs)


class EmbeddingEngine:
    """Pooled vectors from one context; every step forgets its cells again."""

    def __init__(self, context: Context, params: LoadParams, length: int) -> None:
        """`length` of a vector: of what pooling gives, so a reranker's is its number of labels."""
        self._context = context
        self._length = length
        self._n_slots = params.n_slots
        self._batch = Batch(params.n_batch)
        self._waiting: deque[tuple[EmbeddingRequest, int]] = deque()
        self.counts = EngineCounts()

    @property
    def has_work(self) -> bool:
        return bool(self._waiting)

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def n_running(self) -> int:
        return 0  # between steps nothing is in a slot

    def submit(self, request: EmbeddingRequest) -> None:
        """Queue inputs, each known to fit one batch."""
        self._waiting.extend((request, index) for index in range(len(request.inputs)))

    def abort(self, request_id: int) -> bool:
        """Forget the inputs of a request; whether there were any left."""
        kept = deque(item for item in self._waiting if item[0].request_id != request_id)
        was_waiting = len(kept) < len(self._waiting)
        self._waiting = kept
        return was_waiting

    def fail_all(self) -> list[EmbeddingRequest]:
        """Forget every request, after a DecodeError; returns them."""
        failed = list({id(request): request for request, _ in self._waiting}.values())
        self._waiting.clear()
        self._context.memory.clear()
        return failed

    def step(self) -> list[EmbeddingRequest]:
        """One llama_decode over as many inputs as fit; returns the requests that it completed.

        Raises DecodeError.
        """
        started = time.perf_counter()
        self._context.memory.empty()
        packed = self._fill_batch()
        computed = time.perf_counter()
        try:
            self._context.decode(self._batch)
        except DecodeError:
            self._waiting.extendleft(reversed(packed))
            raise
        decoded = time.perf_counter()
        completed = self._collect(packed)
        self.counts.n_steps += 1
        self.counts.n_prefill_tokens += self._batch.n_tokens
        self.counts.compute_s += decoded - computed
        self.counts.overhead_s += time.perf_counter() - decoded + computed - started
        return completed

    def _fill_batch(self) -> list[tuple[EmbeddingRequest, int]]:
        batch = self._batch
        batch.clear()
        packed: list[tuple[EmbeddingRequest, int]] = []
        while self._waiting and len(packed) < self._n_slots:
            request, index = self._waiting[0]
            tokens = request.inputs[index]
            if batch.n_tokens + len(tokens) > batch.capacity:
                break
            batch.add_chunk(tokens, 0, len(packed), n_outputs=0)
            packed.append(self._waiting.popleft())
        batch.ask_all_outputs()
        return packed

    def _collect(self, packed: list[tuple[EmbeddingRequest, int]]) -> list[EmbeddingRequest]:
        completed: list[EmbeddingRequest] = []
        for seq_id, (request, index) in enumerate(packed):
            vector = self._context.pooled_embedding(seq_id, self._length)
            request.vectors[index] = _normalized(vector) if request.is_normalized else vector
            request.n_missing -= 1
            if request.n_missing == 0:
                completed.append(request)
        return completed


def _normalized(vector: Vector) -> Vector:
    """`vector` of length 1; a zero vector stays what it is."""
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm > 0 else vector
