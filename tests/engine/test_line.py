"""Whose turn it is for a slot, when some requests bring many sequences."""

from __future__ import annotations

from lsrv.engine.engine import Engine
from lsrv.engine.line import WaitingLine
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.sequence import Sequence
from tests.engine.conftest import LoadStories, make_sequence

N_PARTS = 16


def parts(loaded: LoadedModel, call_id: int, n: int, submitted_at: float) -> list[Sequence]:
    found = [make_sequence(loaded, 100 * call_id + i, "Once", n_max_tokens=2) for i in range(n)]
    for sequence in found:
        sequence.call_id, sequence.submitted_at = call_id, submitted_at
    return found


def taken(line: WaitingLine, now: float = 0.0) -> list[int]:
    """Calls in the order they get slots, one a second."""
    order: list[int] = []
    while len(line):
        order.append(line.take(now + len(order)).call_id)
    return order


def test_requests_take_turns_however_many_sequences_one_brings(load_stories: LoadStories) -> None:
    loaded, line = load_stories(), WaitingLine()
    for sequence in (*parts(loaded, 1, 5, 0.0), *parts(loaded, 2, 2, 0.5), *parts(loaded, 3, 1, 0.7)):
        line.add(sequence)
    assert taken(line, now=1.0) == [1, 2, 3, 1, 2, 1, 1, 1]


def test_the_next_one_gets_the_place_of_one_that_is_given_up(load_stories: LoadStories) -> None:
    loaded, line = load_stories(), WaitingLine()
    first, second = parts(loaded, 1, 2, 0.0)
    for sequence in (first, second, *parts(loaded, 2, 1, 0.5)):
        line.add(sequence)
    line.remove(first)
    assert line.first is second
    line.remove(second)
    assert taken(line) == [2]
    line.add(first)
    assert taken(line) == [1]


def test_one_that_gave_its_cells_back_does_not_call_another_of_its_request(load_stories: LoadStories) -> None:
    loaded, line = load_stories(), WaitingLine()
    first, second, third = parts(loaded, 1, 3, 0.0)
    for sequence in (first, second, third):
        line.add(sequence)
    assert line.take(1.0) is first
    line.put_back(first)
    assert [line.take(2.0), len(line), line.take(3.0), line.take(4.0)] == [first, 2, second, third]


def test_a_short_request_does_not_wait_for_all_prompts_of_another(load_stories: LoadStories) -> None:
    loaded = load_stories(n_slots=2)
    engine: Engine | None = loaded.generation
    assert engine is not None
    many = parts(loaded, 1, N_PARTS, 0.0)
    for sequence in many:
        sequence.submitted_at = make_sequence(loaded, 0, "Once").submitted_at
        engine.submit(sequence)
    engine.step()
    short = make_sequence(loaded, 999, "Once", n_max_tokens=2)
    short.call_id = 2
    engine.submit(short)
    n_ended = 0
    while not short.finish_reason:
        n_ended += sum(each.sequence.finish_reason is not None for each in engine.step())
    assert n_ended <= 5, "two that had slots, one that stood in line, and those that end with it"
    while engine.has_work:
        engine.step()
    assert all(sequence.finish_reason for sequence in many)
