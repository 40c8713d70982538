"""Errands of one worker, in two lanes, so that nobody's quick one waits for another's slow one.

1. An errand starts in the quick lane. Usual ones take less than a hundredth of what it allows.
2. One that takes longer moves to the slow lane, along with its child if that lane is free; else it starts again there.
3. What ends its child or the time that the slow lane allows is an error of whoever asked.
"""

from __future__ import annotations

from typing import Protocol

from lsrv.errors import LsrvError, from_info
from lsrv.worker.errands.child import ChildDiedError
from lsrv.worker.errands.errand import Compile, Done, Errand, OpenTemplate
from lsrv.worker.errands.failures import death, no_child
from lsrv.worker.errands.lane import Job, Lane

_QUICK_S = 0.25  # the very first grammar has the compiler imported in it
_SLOW_S = 20.0  # by the clock on the wall: the child itself keeps to LIMIT_S of processor time


class Watch(Protocol):
    """Whoever waits for descriptors on behalf of this thread."""

    def watch(self, descriptors: frozenset[int]) -> None:
        """Wake when one of these can be read, and no longer for those of the call before."""
        ...


class Errands:
    """Belongs to the engine thread, which calls `poll` whenever a watched descriptor can be read."""

    def __init__(self, watch: Watch) -> None:
        """Starts no child yet: a model with a plain template needs none until a grammar comes."""
        self._watch = watch
        self._quick = Lane(_QUICK_S)
        self._slow = Lane(_SLOW_S)

    @property
    def has_work(self) -> bool:
        return self._quick.has_work or self._slow.has_work

    def wait_s(self, now: float) -> float | None:
        """How long until `poll` has to look at the time; None: nothing is under way."""
        until = [lane.until_s for lane in (self._quick, self._slow) if lane.until_s is not None]
        return max(0.0, min(until) - now) if until else None

    def add(self, errand: Errand, now: float, *, is_slow: bool = False) -> Job:
        """A job whose `text` is set by a later `poll`; `is_slow`: known to be too much for the quick lane."""
        job = Job(errand, is_slow=is_slow)
        if isinstance(errand, Compile):  # from now on children import the compiler before the time of an errand runs
            self._quick.knows_grammars = self._slow.knows_grammars = True
        lane = self._slow if is_slow else self._quick
        lane.add(job)
        lane.advance(now)
        self._watch_children()
        return job

    def poll(self, now: float) -> None:
        """Take what was done, give what waits, and see to what takes too long."""
        for lane in (self._quick, self._slow):
            lane.advance(now)
        if self._quick.until_s is not None and now > self._quick.until_s:
            self._move_aside(now)
        if self._slow.until_s is not None and now > self._slow.until_s:
            self._slow.fail_late()
            self._slow.advance(now)
        self._watch_children()

    def lay_out(self, template: OpenTemplate | None) -> None:
        """Render with `template` from now on, which is known to be sound: it is read once a child is needed.

        None: the model has none, or is gone. Nothing may be under way.
        """
        for lane in (self._quick, self._slow):
            lane.give_up()
            lane.template = template

    def open(self, template: OpenTemplate) -> None:
        """The same for one that is not known; waits until a child has read it. Raises LoadFailedError."""
        if self._quick.is_busy:
            self._quick.give_up()
        self._slow.give_up()
        for lane in (self._quick, self._slow):
            lane.template = template
        self._read(template)

    def close(self) -> None:
        """End the children."""
        for lane in (self._quick, self._slow):
            lane.give_up()
        self._watch_children()

    def _read(self, template: OpenTemplate) -> None:
        lane = self._quick
        try:
            is_new = lane.working is None
            lane.start_child()
            working = lane.working
            assert working is not None
            if not is_new:
                working.child.send(template)
                working.n_owed += 1
            while working.n_owed:
                for outcome in working.child.receive(is_waiting=True):
                    working.n_owed -= 1
                    if not isinstance(outcome, Done):
                        raise from_info(outcome.error)
        except LsrvError:
            lane.give_up()
            raise
        except ChildDiedError as error:
            lane.give_up()
            raise death(template, str(error)) from error
        except OSError as error:
            raise no_child(template, str(error)) from error

    def _move_aside(self, now: float) -> None:
        """The quick lane's job is a slow one."""
        quick, slow = self._quick, self._slow
        if slow.has_work or quick.working is None:
            job = quick.give_up()
            if job is not None:
                job.is_slow = True
                slow.add(job)
        else:
            quick.working, slow.working = slow.working, quick.working
            assert slow.working is not None and slow.working.job is not None
            slow.working.job.is_slow = True
            slow.working.until_s = now + _SLOW_S
        self._start_ahead()
        for lane in (quick, slow):
            lane.advance(now)

    def _start_ahead(self) -> None:
        try:
            self._quick.start_child()
        except (ChildDiedError, OSError):
            self._quick.give_up()  # the next errand tries again, and tells

    def _watch_children(self) -> None:
        """Watch the children that owe something to somebody."""
        self._watch.watch(
            frozenset(
                lane.working.child.fileno()
                for lane in (self._quick, self._slow)
                if lane.working is not None and lane.has_work
            )
        )
