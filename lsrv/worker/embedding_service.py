"""What a loaded embedding model or reranker does with commands."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from lsrv.engine.embedding import EmbeddingEngine, EmbeddingInputs
from lsrv.engine.llama.context import DecodeError
from lsrv.engine.load.loading import LoadedModel
from lsrv.protocol.commands import Abort, Command, Embed, EndThoughts, Load, Plan, Rerank, Stop, Unload
from lsrv.protocol.events import Embedded, Event, Failed, Heartbeat, Reranked
from lsrv.worker.beside import Beside
from lsrv.worker.errands.errands import Errands
from lsrv.worker.examination import Examination
from lsrv.worker.inputs import Inputs, size_of_inputs
from lsrv.worker.intake import Intake
from lsrv.worker.pending import PendingAnswers
from lsrv.worker.questions import Questions, heartbeat_of
from lsrv.worker.rendering import Rendering

_Asked = TypeVar("_Asked", Embed, Rerank)


class EmbeddingService:
    """Vectors, or scores of pairs, from one model."""

    def __init__(self, loaded: LoadedModel, errands: Errands, wake: Callable[[], None]) -> None:
        """Raises LoadFailedError if the model's chat template is broken."""
        assert loaded.embedding is not None
        self._engine: EmbeddingEngine = loaded.embedding
        self._model = loaded.model
        self._info = loaded.info
        self._pending = PendingAnswers()
        self._beside = Beside(wake)
        intake = Intake(loaded, self._beside)
        rendering = Rendering(errands, intake.template, self._beside, intake.hidden_names)
        examination = Examination(errands, None, None)  # nobody chats with it
        self._questions = Questions(intake, rendering, examination, self._beside, loaded.info)
        self._inputs = Inputs(loaded, intake)

    @property
    def has_work(self) -> bool:
        return self._engine.has_work

    def poll(self) -> list[Event]:
        return self._pending.poll()

    def heartbeat(self) -> Heartbeat:
        return heartbeat_of(self._engine, None)

    def handle(self, command: Command) -> list[Event]:
        match command:
            case Embed() if self._info.can_embed:
                return self._pending.start(command.request_id, self._submit(command, self._inputs.texts))
            case Rerank() if self._info.can_rerank:
                return self._pending.start(command.request_id, self._submit(command, self._inputs.pairs))
            case Abort():
                if not self._pending.abort(command.request_id):
                    self._engine.abort(command.request_id)
                return []
            case Load() | Plan() | EndThoughts() | Stop() | Unload():
                return []
            case _:
                return self._pending.start(command.request_id, self._questions.answer(command))

    async def _submit(self, command: _Asked, make_request: Callable[[_Asked], EmbeddingInputs]) -> list[Event]:
        work = functools.partial(make_request, command)
        self._engine.submit(await self._beside.run(size_of_inputs(command), work))
        return []

    def step(self) -> list[Event]:
        try:
            return [self._answer(request) for request in self._engine.step()]
        except DecodeError as error:
            return [Failed(request.request_id, error.info()) for request in self._engine.fail_all()]

    def _answer(self, request: EmbeddingInputs) -> Event:
        vectors = [vector for vector in request.vectors if vector is not None]
        n_tokens_each = [len(tokens) for tokens in request.inputs]
        n_tokens = sum(n_tokens_each)
        if not self._info.can_rerank:
            raw = [vector.astype("<f4").tobytes() for vector in vectors]
            return Embedded(request.request_id, raw, n_tokens, self._info.n_embd, n_tokens_each)
        return Reranked(
            request_id=request.request_id,
            scores=[float(vector[0]) for vector in vectors],
            is_probability=self._model.ranks_in_probabilities,
            n_prompt_tokens=n_tokens,
        )

    def close(self) -> None:
        """Vectors are sent and forgotten: nothing to keep."""
        self._pending.close()
        self._beside.close()
