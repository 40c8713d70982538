"""The order in which those who wait get a place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.priority import due_s
from lsrv.registry.entries.queue import Waiting

ARRIVALS = st.lists(st.tuples(st.floats(0.0, 60.0), st.integers(-10, 10), st.booleans()), max_size=40)


@given(ARRIVALS)
def test_turns_go_by_priority_and_waiting_and_of_equals_by_arrival(arrivals: list[tuple[float, int, bool]]) -> None:
    waiting, now_s = Waiting(), 0.0
    expected: list[tuple[float, int]] = []
    for ticket, (passed_s, priority, takes_one) in enumerate(arrivals):
        now_s += passed_s
        waiting.add(ticket, now_s, priority)
        expected = sorted([*expected, (due_s(now_s, priority), ticket)])
        if takes_one:
            assert waiting.take(1) == [expected.pop(0)[1]]
        assert list(waiting) == [ticket for _, ticket in expected]
    assert waiting.take() == [ticket for _, ticket in expected]
    assert not waiting


def test_it_knows_who_waits_longest_whatever_the_order() -> None:
    waiting = Waiting()
    waiting.add(1, 5.0, -1)
    waiting.add(2, 6.0, 2)
    assert (waiting.since_s, waiting.priorities) == (5.0, [2, -1])
    waiting.discard(1)
    waiting.discard(7)
    assert (waiting.since_s, waiting.priorities) == (6.0, [2])
