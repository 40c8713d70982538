"""One child and the errands that wait for it. Belongs to the engine thread."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from lsrv.errors import from_info
from lsrv.worker.errands.child import Child, ChildDiedError
from lsrv.worker.errands.errand import Done, Errand, OpenTemplate, Outcome
from lsrv.worker.errands.failures import death, no_child, too_slow


@dataclass(slots=True, eq=False)
class Job:
    """An errand on its way; who cancels `text` wants it no longer."""

    errand: Errand
    text: Future[str] = field(default_factory=Future[str])
    is_slow: bool = False  # it took longer than a quick one may


@dataclass(slots=True)
class Working:
    """A child, and what it has been given."""

    child: Child
    n_owed: int  # outcomes that answer no job: its start, and what it was given to begin with
    job: Job | None = None
    until_s: float = 0.0  # when the job is overdue

    @property
    def is_started(self) -> bool:
        return self.n_owed == 0


class Lane:
    """Does jobs one after another, each for `limit_s` at most: then it is the owner's to decide."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._waiting: deque[Job] = deque()
        self.working: Working | None = None
        self.template: OpenTemplate | None = None  # what a new child is given first
        self.knows_grammars = False  # whether a new child is one for them, too

    @property
    def has_work(self) -> bool:
        return bool(self._waiting) or self.is_busy

    @property
    def is_busy(self) -> bool:
        return self.working is not None and self.working.job is not None

    @property
    def until_s(self) -> float | None:
        """When the present job is overdue."""
        return self.working.until_s if self.working is not None and self.working.job is not None else None

    def add(self, job: Job) -> None:
        self._waiting.append(job)

    def start_child(self) -> None:
        """Have one, so that the next job need not wait for it. Raises OSError, ChildDiedError."""
        if self.working is None:
            child = Child(knows_grammars=self.knows_grammars)
            self.working = Working(child, n_owed=1)
            if self.template is not None:
                child.send(self.template)
                self.working.n_owed += 1

    def advance(self, now: float) -> None:
        """Take what the child has done, and give it the next job."""
        try:
            self._take(now)
            self._give(now)
        except (ChildDiedError, OSError) as error:
            self._lose(error)

    def give_up(self) -> Job | None:
        """End the child; the job that it was at, if somebody still wants it."""
        working, self.working = self.working, None
        if working is None:
            return None
        working.child.kill()
        return working.job if working.job is not None and not working.job.text.cancelled() else None

    def fail_late(self) -> None:
        """End the child, whose job took too long even for this lane."""
        job = self.give_up()
        if job is not None:
            job.text.set_exception(too_slow(job.errand))

    def _take(self, now: float) -> None:
        working = self.working
        if working is None or (working.is_started and working.job is None):
            return
        for outcome in working.child.receive():
            if working.n_owed:
                working.n_owed -= 1
            elif working.job is not None:
                settle(working.job, outcome)
                working.job = None

    def _give(self, now: float) -> None:
        while self._waiting and self._waiting[0].text.cancelled():
            self._waiting.popleft()
        if not self._waiting:
            return
        self.start_child()
        working = self.working
        if working is not None and working.is_started and working.job is None:
            working.job = self._waiting.popleft()
            working.until_s = now + self._limit_s
            working.child.send(working.job.errand)

    def _lose(self, error: ChildDiedError | OSError) -> None:
        """The child is gone: with its job, or with the next one where it did not get that far."""
        has_begun = self.is_busy
        job = self.give_up()
        if job is None and not has_begun and self._waiting:
            job = self._waiting.popleft()
        if job is None or job.text.cancelled():
            return
        is_its_fault = has_begun and isinstance(error, ChildDiedError)
        job.text.set_exception(death(job.errand, str(error)) if is_its_fault else no_child(job.errand, str(error)))


def settle(job: Job, outcome: Outcome) -> None:
    """Tell who waits for `job`, if anybody still does."""
    if job.text.cancelled():
        return
    if isinstance(outcome, Done):
        job.text.set_result(outcome.text)
    else:
        job.text.set_exception(from_info(outcome.error))
