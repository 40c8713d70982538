"""Output that nobody waits for."""

from __future__ import annotations

import threading

from lsrv.outlet import Outlet

DEADLINE_S = 60.0


def test_jobs_are_done_in_their_order() -> None:
    done: list[int] = []
    outlet = Outlet(lambda n_lost: None)
    for i in range(100):
        outlet.put(lambda i=i: done.append(i))
    assert outlet.close(DEADLINE_S)
    assert done == list(range(100))


def test_a_write_that_hangs_holds_nobody_up_and_what_is_lost_is_told_once_it_goes_on() -> None:
    told: list[int] = []
    hangs, may_go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        may_go_on.wait(DEADLINE_S)

    outlet = Outlet(told.append, n_waiting=3)
    outlet.put(hang)
    assert hangs.wait(DEADLINE_S)
    for _ in range(10):
        outlet.put(lambda: None)
    assert not outlet.close(0.01)
    may_go_on.set()
    assert outlet.close(DEADLINE_S)
    assert told == [7]


def test_a_reader_that_is_gone_and_a_job_that_is_wrong_end_nothing() -> None:
    done: list[str] = []

    def gone() -> None:
        raise BrokenPipeError

    def wrong() -> None:
        raise KeyError("a bug")

    outlet = Outlet(lambda n_lost: None)
    for job in (gone, wrong, lambda: done.append("next")):
        outlet.put(job)
    assert outlet.close(DEADLINE_S)
    assert done == ["next"]
