"""The account of one generation request while it runs."""

from __future__ import annotations

import time

from lsrv.api.choices import ChoiceEvent
from lsrv.api.dialect import GenerationRequest
from lsrv.api.metrics import ModelMetrics
from lsrv.api.note import RequestNote
from lsrv.api.openai.usage import total_usage
from lsrv.protocol.events import Accepted, Finished, Usage


class Progress:
    """How far a request is: which choices have ended, and the times that go into the metrics."""

    def __init__(self, request: GenerationRequest, metrics: ModelMetrics, note: RequestNote) -> None:
        self.model_id = note.model_id
        self.ends: list[Finished] = []  # by choice; complete when `is_complete`
        self._n_choices = request.n_choices
        self._by_choice: dict[int, Finished | None] = dict.fromkeys(range(len(request.commands)))
        self._n_open = len(request.commands)
        self._metrics = metrics
        self._note = note
        self._lease_wait_s = 0.0
        self._n_texts = 0  # batches that brought text
        self._last_text_at = 0.0

    @property
    def is_complete(self) -> bool:
        return self._n_open == 0

    def leased(self) -> None:
        """A place was given: waiting for the model is over."""
        self._lease_wait_s = time.perf_counter() - self._note.arrived_at

    def take(self, batch: list[ChoiceEvent]) -> None:
        """Account for events of a stream."""
        has_text = False
        for index, event in batch:
            if isinstance(event, Finished):
                self._by_choice[index] = event
                self._n_open -= 1
            has_text = has_text or not isinstance(event, Accepted)
        if has_text:
            self._saw_text(time.perf_counter())
        if self._n_open == 0:
            self.ends = [end for end in self._by_choice.values() if end is not None]
            usage = self._count()
            if self._n_texts == 1:
                self._metrics.observe_itl(usage)

    def finish(self, ends: list[Finished]) -> None:
        """Account for an answer that was not streamed."""
        self.ends = ends
        self._metrics.observe_itl(self._count())

    def _count(self) -> Usage:
        usage = total_usage(self.ends, self._n_choices)
        self._note.n_prompt_tokens = usage.n_prompt_tokens
        self._note.n_completion_tokens = usage.n_completion_tokens
        self._metrics.count_usage(usage, self._lease_wait_s)
        return usage

    def _saw_text(self, now: float) -> None:
        self._n_texts += 1
        if self._n_texts > 1:
            self._metrics.itl.observe(now - self._last_text_at)
        else:
            self._metrics.ttft.observe(now - self._note.arrived_at)
        self._last_text_at = now
