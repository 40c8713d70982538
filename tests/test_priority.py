"""The one rule of whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.priority import MAX_PRIORITY, STEP_S, due_s

TIMES = st.floats(0.0, 1e9)
PRIORITIES = st.integers(-MAX_PRIORITY, MAX_PRIORITY)


def test_of_those_who_came_together_the_higher_goes_first() -> None:
    assert sorted([0, -1, 3, 1], key=lambda priority: due_s(5.0, priority)) == [3, 1, 0, -1]


def test_a_step_is_worth_ten_seconds_of_waiting() -> None:
    assert due_s(0.0, 0) < due_s(STEP_S + 0.001, 1)
    assert due_s(0.0, 0) > due_s(STEP_S - 0.001, 1)


@given(TIMES, PRIORITIES, TIMES, PRIORITIES)
def test_nobody_waits_behind_those_who_come_long_after(one_s: float, one: int, later_s: float, later: int) -> None:
    if later_s > one_s + 2 * MAX_PRIORITY * STEP_S:
        assert due_s(one_s, one) < due_s(later_s, later)
