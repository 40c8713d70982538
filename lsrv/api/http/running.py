"""Answers that clients may still act on while they are written, by the ids that their chunks carry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

ThoughtEnder = Callable[[], bool]  # whether there was somebody to tell


class RunningAnswers:
    """All of one server that were asked with `reasoning_control`."""

    def __init__(self) -> None:
        self._answers: dict[str, ThoughtEnder] = {}

    @contextlib.contextmanager
    def under(self, answer_id: str, end_thoughts: ThoughtEnder) -> Generator[None]:
        """Have the answer be found while inside; an empty id names none."""
        if answer_id:
            self._answers[answer_id] = end_thoughts
        try:
            yield
        finally:
            self._answers.pop(answer_id, None)

    def end_thoughts(self, answer_id: str) -> bool:
        """Whether there is such an answer, and its model was told."""
        end = self._answers.get(answer_id)
        return end is not None and end()
