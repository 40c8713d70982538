"""How far the choices of one generation request are, and what its account learns of it."""

from __future__ import annotations

import time

from lsrv.api.answers.account import Account
from lsrv.protocol.events import Accepted, Finished
from lsrv.serving.choice_streams import ChoiceEvent
from lsrv.serving.request import GenerationRequest
from lsrv.serving.usage import total_usage


class ChoiceProgress:
    """Which choices of one answer have ended, and with what."""

    def __init__(self, request: GenerationRequest, account: Account) -> None:
        self.ends: list[Finished] = []  # by choice; complete when `is_complete`
        self._n_choices = request.n_choices
        self._by_choice: dict[int, Finished | None] = dict.fromkeys(range(len(request.commands)))
        self._n_open = len(request.commands)
        self._account = account

    @property
    def is_complete(self) -> bool:
        return self._n_open == 0

    def take(self, batch: list[ChoiceEvent]) -> None:
        """Account for events of a stream."""
        has_text = False
        for index, event in batch:
            if isinstance(event, Finished):
                self._by_choice[index] = event
                self._n_open -= 1
            has_text = has_text or not isinstance(event, Accepted)
        if has_text:
            self._account.saw_text(time.perf_counter())
        if self._n_open == 0:
            self.finish([end for end in self._by_choice.values() if end is not None])

    def finish(self, ends: list[Finished]) -> None:
        """Account for the end of every choice."""
        self.ends = ends
        self._account.count(total_usage(ends, self._n_choices))
