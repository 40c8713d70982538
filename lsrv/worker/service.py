"""What a loaded model does with commands: one service for text, one for vectors, the same shape for the loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from lsrv.engine.embedding import EmbeddingEngine, EmbeddingRequest
from lsrv.engine.engine import Engine
from lsrv.engine.llama.context import DecodeError
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.loading import LoadedModel
from lsrv.errors import LsrvError
from lsrv.protocol.commands import (
    Abort,
    Command,
    Detokenize,
    Embed,
    Generate,
    Load,
    LoadAdapter,
    Plan,
    Rerank,
    Stop,
    Tokenize,
    Unload,
    UnloadAdapter,
)
from lsrv.protocol.events import (
    Accepted,
    AdaptersChanged,
    CacheUse,
    Delta,
    Detokenized,
    Embedded,
    Event,
    Failed,
    Finished,
    Heartbeat,
    ModelInfo,
    Reranked,
    Step,
    Tokenized,
)
from lsrv.worker.compiling import Compiling
from lsrv.worker.inputs import Inputs
from lsrv.worker.intake import Intake
from lsrv.worker.refusal import refusal
from lsrv.worker.reply import Reply

# A small model writes thousands of tokens per second; sending each alone costs more than computing it. Real models
# take longer than this for one step, so each of their tokens still goes out at once.
_MIN_DELTA_INTERVAL_S = 0.004
_SAVE_S = 2.5  # for cached prompts at the end; the parent waits 5 s before it uses force


_Asked = TypeVar("_Asked", Embed, Rerank)

Question = Generate | Embed | Rerank | LoadAdapter | UnloadAdapter | Tokenize | Detokenize


class Service(Protocol):
    @property
    def has_work(self) -> bool: ...

    def handle(self, command: Command) -> list[Event]:
        """Take one command; what can be said of it at once. Never raises a client's error."""
        ...

    @property
    def is_compiling(self) -> bool:
        """Whether something will be ready to `poll` that no command announces."""
        ...

    def poll(self) -> list[Event]:
        """What became ready by itself."""
        ...

    def step(self) -> list[Event]:
        """One engine step, and what came of it."""
        ...

    def heartbeat(self) -> Heartbeat: ...

    def close(self) -> None:
        """The last call: keep what the next load can use."""
        ...


class GenerationService:
    """Text from one model."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Raises LoadFailedError if the model's chat template is broken."""
        assert loaded.generation is not None
        self._engine: Engine = loaded.generation
        self._info = loaded.info
        self._vocab = loaded.model.vocab
        self._intake = Intake(loaded)
        self._compiling = Compiling(self._vocab)
        self._replies: dict[int, Reply] = {}
        self._deltas_sent_at = 0.0

    @property
    def has_work(self) -> bool:
        return self._engine.has_work

    @property
    def is_compiling(self) -> bool:
        return self._compiling.has_work

    def heartbeat(self) -> Heartbeat:
        return _heartbeat(self._engine, self._engine.cache_use())

    def handle(self, command: Command) -> list[Event]:
        match command:
            case Generate():
                return self._generate(command)
            case Abort():
                return self._abort(command.request_id)
            case LoadAdapter() | UnloadAdapter():
                return self._change_adapters(command)
            case _:
                return _handle_common(command, self._intake, self._vocab, self._info)

    def _change_adapters(self, command: LoadAdapter | UnloadAdapter) -> list[Event]:
        adapters = self._engine.adapters
        try:
            if isinstance(command, LoadAdapter):
                adapters.load(command.file.name, command.file.path)
            else:
                adapters.unload(command.name)
        except LsrvError as error:
            return [Failed(command.request_id, error.info())]
        self._engine.free_retired_adapters()
        return [AdaptersChanged(command.request_id, adapters.names)]

    def _generate(self, command: Generate) -> list[Event]:
        try:
            sequence, reply = self._intake.sequence(command)
            reasoning = self._intake.reasoning(command, sequence.prompt) if command.grammar else None
        except LsrvError as error:
            return [Failed(command.request_id, error.info())]
        self._replies[command.request_id] = reply
        if command.grammar is not None:
            self._compiling.add(sequence, command.grammar, reasoning)
            return []
        self._engine.submit(sequence)
        return [Accepted(command.request_id, len(sequence.prompt))]

    def poll(self) -> list[Event]:
        """Submit sequences whose grammars are ready."""
        events: list[Event] = []
        for sequence, error in self._compiling.take_ready():
            if error is not None:
                self._replies.pop(sequence.request_id)
                events.append(Failed(sequence.request_id, error.info()))
                continue
            self._engine.submit(sequence)
            events.append(Accepted(sequence.request_id, len(sequence.prompt)))
        return events

    def _abort(self, request_id: int) -> list[Event]:
        sequence = self._engine.abort(request_id) or self._compiling.abort(request_id)
        if sequence is None:
            return []
        return [Step([], [self._replies.pop(request_id).finish(sequence, None)])]

    def step(self) -> list[Event]:
        try:
            outputs = self._engine.step()
        except DecodeError as error:
            return self._fail_all(error)
        now = time.perf_counter()
        is_due = now - self._deltas_sent_at >= _MIN_DELTA_INTERVAL_S
        if is_due:
            self._deltas_sent_at = now
        deltas: list[Delta] = []
        finished: list[Finished] = []
        failed: list[Event] = []
        for output in outputs:
            sequence = output.sequence
            if sequence.error is not None:
                self._replies.pop(sequence.request_id)
                failed.append(Failed(sequence.request_id, sequence.error.info()))
                continue
            if sequence.finish_reason is not None:
                finished.append(self._replies.pop(sequence.request_id).finish(sequence, output))
                continue
            delta = self._replies[sequence.request_id].push(output, is_due=is_due)
            if delta is not None:
                deltas.append(delta)
        return [Step(deltas, finished), *failed] if deltas or finished else failed

    def close(self) -> None:
        self._engine.save_cache(time.monotonic() + _SAVE_S)
        self._compiling.close()

    def _fail_all(self, error: DecodeError) -> list[Event]:
        failed = self._engine.fail_all()
        self._replies.clear()
        return [Failed(sequence.request_id, error.info()) for sequence in failed]


class EmbeddingService:
    """Vectors, or scores of pairs, from one model."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Raises LoadFailedError if the model's chat template is broken."""
        assert loaded.embedding is not None
        self._engine: EmbeddingEngine = loaded.embedding
        self._model = loaded.model
        self._info = loaded.info
        self._intake = Intake(loaded)
        self._inputs = Inputs(loaded, self._intake)

    is_compiling = False

    @property
    def has_work(self) -> bool:
        return self._engine.has_work

    def poll(self) -> list[Event]:
        return []

    def heartbeat(self) -> Heartbeat:
        return _heartbeat(self._engine, None)

    def handle(self, command: Command) -> list[Event]:
        match command:
            case Embed() if self._info.can_embed:
                return self._submit(command, self._inputs.texts)
            case Rerank() if self._info.can_rerank:
                return self._submit(command, self._inputs.pairs)
            case Abort():
                self._engine.abort(command.request_id)
                return []
            case _:
                return _handle_common(command, self._intake, self._model.vocab, self._info)

    def _submit(self, command: _Asked, make_request: Callable[[_Asked], EmbeddingRequest]) -> list[Event]:
        try:
            self._engine.submit(make_request(command))
        except LsrvError as error:
            return [Failed(command.request_id, error.info())]
        return []

    def step(self) -> list[Event]:
        try:
            return [self._answer(request) for request in self._engine.step()]
        except DecodeError as error:
            return [Failed(request.request_id, error.info()) for request in self._engine.fail_all()]

    def _answer(self, request: EmbeddingRequest) -> Event:
        vectors = [vector for vector in request.vectors if vector is not None]
        n_tokens = sum(len(tokens) for tokens in request.inputs)
        if not self._info.can_rerank:
            raw = [vector.astype("<f4").tobytes() for vector in vectors]
            return Embedded(request.request_id, raw, n_tokens, self._info.n_embd)
        return Reranked(
            request_id=request.request_id,
            scores=[float(vector[0]) for vector in vectors],
            is_probability=self._model.ranks_in_probabilities,
            n_prompt_tokens=n_tokens,
        )

    def close(self) -> None:
        """Vectors are sent and forgotten: nothing to keep."""


def _handle_common(command: Command, intake: Intake, vocab: Vocab, info: ModelInfo) -> list[Event]:
    """Commands that every model answers at once; a request of the wrong kind is told so."""
    if isinstance(command, Load | Plan | Stop | Unload | Abort):
        return []
    try:
        return [_answer(command, intake, vocab, info)]
    except LsrvError as error:
        return [Failed(command.request_id, error.info())]


def _answer(command: Question, intake: Intake, vocab: Vocab, info: ModelInfo) -> Event:
    match command:
        case Tokenize():
            tokens, prompt = intake.tokenized(command)
            ids: list[int] = tokens.tolist()
            return Tokenized(command.request_id, ids, [vocab.special_piece(t) for t in ids], prompt)
        case Detokenize():
            intake.check_tokens(command.tokens, "tokens")
            return Detokenized(command.request_id, vocab.detokenize(command.tokens))
        case _:
            raise refusal(command, info)


def _heartbeat(engine: Engine | EmbeddingEngine, cache: CacheUse | None) -> Heartbeat:
    counts = engine.counts
    return Heartbeat(
        n_slots_busy=engine.n_running,
        n_waiting=engine.n_waiting,
        n_steps=counts.n_steps,
        n_prefill_tokens=counts.n_prefill_tokens,
        n_decode_tokens=counts.n_decode_tokens,
        n_cached_tokens=counts.n_cached_tokens,
        compute_s=counts.compute_s,
        overhead_s=counts.overhead_s,
        cache=cache,
    )
