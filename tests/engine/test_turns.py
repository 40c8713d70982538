from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.turns import InputTurns


def turns(*lengths: list[int]) -> InputTurns:
    """Requests 0, 1, … that came at once, with inputs of these lengths."""
    made = InputTurns()
    for key, each in enumerate(lengths):
        made.add(key, each)
    return made


def test_a_round_is_filled_up_to_its_tokens_and_its_inputs() -> None:
    made = turns([10] * 10)
    assert made.take(35, 8) == [(0, 0), (0, 1), (0, 2)]
    assert made.take(100, 2) == [(0, 3), (0, 4)]
    assert len(made) == 5


def test_a_request_of_many_texts_does_not_hold_up_one_of_a_single_text() -> None:
    made = turns([10] * 100)
    made.take(50, 8)
    made.add(1, [10])
    assert (1, 0) in made.take(50, 8)


def test_requests_get_equally_many_tokens_however_they_cut_them() -> None:
    made = turns([10] * 100, [50] * 20)
    taken = [item for _ in range(10) for item in made.take(100, 100)]
    assert sum(10 for key, _ in taken if key == 0) == sum(50 for key, _ in taken if key == 1) == 500


def test_a_text_longer_than_a_round_is_taken_alone_in_its_turn() -> None:
    made = turns([10, 10], [500], [10])
    assert made.take(100, 8) == [(0, 0), (2, 0), (0, 1)]
    assert made.take(100, 8) == [(1, 0)]
    assert not made


def test_a_long_text_is_not_starved_by_newcomers() -> None:
    made = turns([500])
    n_rounds = 0
    made.add(1, [10])
    while not any(key == 0 for key, _ in made.take(100, 8)):
        n_rounds += 1
        made.add(1 + n_rounds, [10] * 3)
        assert n_rounds < 3


def test_what_is_removed_is_not_taken() -> None:
    made = turns([10] * 3, [10])
    made.take(10, 1)
    made.remove(0)
    made.remove(7)
    assert made.take(100, 8) == [(1, 0)]
    assert made.take(100, 8) == []


@given(st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=12), max_size=6), st.integers(1, 200))
def test_every_input_is_taken_once_and_no_round_is_too_large(lengths: list[list[int]], n_tokens: int) -> None:
    made = turns(*lengths)
    taken: list[tuple[int, int]] = []
    while made:
        now = made.take(n_tokens, 4)
        assert 0 < len(now) <= 4
        assert len(now) == 1 or sum(lengths[key][index] for key, index in now) <= n_tokens
        taken += now
    assert sorted(taken) == [(key, index) for key, each in enumerate(lengths) for index in range(len(each))]
