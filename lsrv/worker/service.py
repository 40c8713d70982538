"""What a loaded model that writes does with commands, and the shape that every service has for the loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from lsrv.chat.templates.hiding import Rendered
from lsrv.engine.engine import Engine
from lsrv.engine.llama.context import DecodeError
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.scheduler import GATHERED_S
from lsrv.engine.sequence import Output
from lsrv.errors import LsrvError
from lsrv.protocol.commands import (
    Abort,
    Command,
    EndThoughts,
    Generate,
    Load,
    LoadAdapter,
    Plan,
    Stop,
    Unload,
    UnloadAdapter,
)
from lsrv.protocol.events import Accepted, AdaptersChanged, Delta, Event, Failed, Finished, Heartbeat, Step
from lsrv.worker.beside import Beside
from lsrv.worker.binding.bounds import AnswerBounds
from lsrv.worker.binding.compiling import Compiling
from lsrv.worker.errands.errands import Errands
from lsrv.worker.examination import Examination
from lsrv.worker.intake import Intake
from lsrv.worker.pending import PendingAnswers
from lsrv.worker.prefills import PrefillWatch
from lsrv.worker.questions import Questions, heartbeat_of
from lsrv.worker.rendering import Rendering
from lsrv.worker.reply import AnswerWriter, finished_before_work

_SAVE_S = 2.5  # for cached prompts at the end; the parent waits 5 s before it uses force
_FILE_S = 0.01  # what one of their files costs: to be written, listed by the next load, and read


class Service(Protocol):
    @property
    def has_work(self) -> bool: ...

    def handle(self, command: Command) -> list[Event]:
        """Take one command; what can be said of it at once. Never raises a client's error."""
        ...

    def poll(self) -> list[Event]:
        """What became ready by itself: the loop was woken for it."""
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

    def __init__(self, loaded: LoadedModel, errands: Errands, wake: Callable[[], None]) -> None:
        """Raises LoadFailedError if the model's chat template is broken."""
        assert loaded.generation is not None
        self._engine: Engine = loaded.generation
        self._vocab = loaded.model.vocab
        self._pending = PendingAnswers()
        self._beside = Beside(wake)
        self._intake = Intake(loaded, self._beside)
        self._rendering = Rendering(errands, self._intake.template, self._beside, self._intake.hidden_names)
        self._examination = Examination(errands, self._intake.template, self._rendering.plain)
        self._questions = Questions(self._intake, self._rendering, self._examination, self._beside, loaded.info)
        self._bounds = AnswerBounds(self._vocab, Compiling(self._vocab, errands, self._beside))
        self._replies: dict[int, AnswerWriter] = {}
        self._prefills = PrefillWatch()
        self._accepted: list[Accepted] = []  # since the last step
        self._deltas_sent_at = 0.0

    @property
    def has_work(self) -> bool:
        return self._engine.has_work

    def heartbeat(self) -> Heartbeat:
        return heartbeat_of(self._engine, self._engine.cache_use())

    def handle(self, command: Command) -> list[Event]:
        match command:
            case Generate():
                return self._pending.start(command.request_id, self._generate(command))
            case Abort():
                return self._abort(command.request_id)
            case EndThoughts():
                self._engine.end_thoughts(command.request_id)
                return []
            case LoadAdapter() | UnloadAdapter():
                return self._change_adapters(command)
            case Load() | Plan() | Stop() | Unload():
                return []
            case _:
                return self._pending.start(command.request_id, self._questions.answer(command))

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

    async def _generate(self, command: Generate) -> list[Event]:
        """Have the engine take it, once all that it needs is there."""
        is_chat = command.messages is not None
        form = await self._examination.form() if is_chat else None
        prompt = await self._plain_prompt(command) if form is None else await self._rendering.prompt(command, form)
        sequence, reply = await self._intake.sequence(command, prompt, form)
        await self._bounds.bind(sequence, command, prompt.text if isinstance(prompt, Rendered) else "", form)
        self._replies[command.request_id] = reply
        # Told with what the next step brings: the parent, woken now, might take the step's core.
        self._engine.submit(sequence)
        if command.wants_progress:
            self._prefills.watch(sequence)
        self._accepted.append(Accepted(sequence.request_id, len(sequence.prompt)))
        return []

    async def _plain_prompt(self, command: Generate) -> str | list[int]:
        return await self._intake.joined(command.prompt_parts) if command.prompt_parts else command.prompt or ""

    def poll(self) -> list[Event]:
        return self._pending.poll()

    def _abort(self, request_id: int) -> list[Event]:
        if self._pending.abort(request_id):
            return [Step([], [finished_before_work(request_id)])]
        sequence = self._engine.abort(request_id)
        if sequence is None:
            return []
        return [*self._take_accepted(), Step([], [self._replies.pop(request_id).finish(sequence, None)])]

    def step(self) -> list[Event]:
        accepted = self._take_accepted()
        try:
            return accepted + self._events_of(self._engine.step())
        except DecodeError as error:
            return accepted + self._fail_all(error)

    def _take_accepted(self) -> list[Event]:
        accepted: list[Event] = [*self._accepted]
        self._accepted.clear()
        return accepted

    def _events_of(self, outputs: list[Output]) -> list[Event]:
        """What a step produced, in one frame; but text that comes faster than anybody reads is gathered."""
        now = time.perf_counter()
        is_due = now - self._deltas_sent_at >= GATHERED_S
        if is_due:
            self._deltas_sent_at = now
        deltas: list[Delta] = self._prefills.news(now)
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
        self._engine.save_cache(time.monotonic() + _SAVE_S, _FILE_S)
        self._pending.close()
        self._beside.close()
        self._intake.close()

    def _fail_all(self, error: DecodeError) -> list[Event]:
        failed = self._engine.fail_all()
        self._replies.clear()
        return [Failed(sequence.request_id, error.info()) for sequence in failed]
