"""When a failing server is left alone."""

from __future__ import annotations

import pytest

from lsrv.errors import ErrorInfo
from lsrv.registry.upstream.circuit import CallOutcome, Circuit

FAILURE = ErrorInfo("upstream_failed", "it broke")


def after(*outcomes: CallOutcome, circuit: Circuit | None = None, now_s: float = 100.0) -> Circuit:
    """The circuit after requests one after another, each let in."""
    circuit = circuit or Circuit()
    for outcome in outcomes:
        circuit = circuit.began()
        circuit = circuit.ended(outcome, FAILURE, now_s, was_probe=circuit.is_probing)
    return circuit


OPEN = after(*[CallOutcome.FAILURE] * 3)


def test_it_opens_with_the_third_failure_in_a_row() -> None:
    two = after(CallOutcome.FAILURE, CallOutcome.FAILURE)
    assert two.admits(100.0) and not two.is_open
    assert not OPEN.admits(104.9) and OPEN.failure == FAILURE


@pytest.mark.parametrize("between", [CallOutcome.SUCCESS])
def test_a_success_between_failures_starts_the_count_again(between: CallOutcome) -> None:
    assert not after(CallOutcome.FAILURE, CallOutcome.FAILURE, between, CallOutcome.FAILURE).is_open


def test_a_client_that_leaves_counts_for_nothing() -> None:
    assert after(CallOutcome.FAILURE, CallOutcome.NOTHING, CallOutcome.FAILURE, CallOutcome.FAILURE).is_open


def test_one_probe_is_let_through_when_its_time_is_over() -> None:
    assert OPEN.admits(105.0)
    probing = OPEN.began()
    assert not probing.admits(105.0)
    assert probing.ended(CallOutcome.NOTHING, None, 105.0, was_probe=True).admits(105.0)


def test_each_failed_probe_doubles_the_time_up_to_two_minutes() -> None:
    circuit, now_s, waits = OPEN, 100.0, list[float]()
    for _ in range(8):
        waits.append(circuit.wait_s(now_s))
        now_s = circuit.open_until_s
        circuit = after(CallOutcome.FAILURE, circuit=circuit, now_s=now_s)
    assert waits == [5, 10, 20, 40, 80, 120, 120, 120]


def test_a_probe_that_succeeds_closes_it() -> None:
    assert after(CallOutcome.SUCCESS, circuit=OPEN, now_s=105.0) == Circuit()


def test_requests_that_were_under_way_open_it_no_further() -> None:
    late = OPEN.ended(CallOutcome.FAILURE, FAILURE, 101.0, was_probe=False)
    assert late == OPEN
