"""What a loaded embedding model or reranker does with commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lsrv.engine.embedding import EmbeddingEngine, EmbeddingInputs
from lsrv.engine.llama.context import DecodeError
from lsrv.engine.load.loading import LoadedModel
from lsrv.errors import LsrvError
from lsrv.protocol.commands import Abort, Command, Embed, Rerank
from lsrv.protocol.events import Embedded, Event, Failed, Heartbeat, Reranked
from lsrv.worker.inputs import Inputs
from lsrv.worker.intake import Intake
from lsrv.worker.questions import handle_common, heartbeat_of

_Asked = TypeVar("_Asked", Embed, Rerank)


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
        return heartbeat_of(self._engine, None)

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
                return handle_common(command, self._intake, self._model.vocab, self._info)

    def _submit(self, command: _Asked, make_request: Callable[[_Asked], EmbeddingInputs]) -> list[Event]:
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

    def _answer(self, request: EmbeddingInputs) -> Event:
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
