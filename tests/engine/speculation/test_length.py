"""The pure parts of speculation: guesses of a text itself, their record, how many are made, and with what caution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.cost import StepCost
from lsrv.engine.speculation.length import Caution, GuessWish, Price, plan_guesses
from lsrv.engine.speculation.lookup import PromptLookup
from lsrv.engine.speculation.record import GuessRecord


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 8))
def test_a_lookup_guesses_what_followed_the_same_three_tokens_last(tokens: list[int], n_max: int) -> None:
    guess = PromptLookup(tokens).guess(n_max)
    places = [i for i in range(3, len(tokens)) if tokens[i - 3 : i] == tokens[-3:]]
    if not places:
        assert guess == []
        return
    sequel = tokens[places[-1] :]
    assert guess == [sequel[i % len(sequel)] for i in range(n_max)]


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 40))
def test_a_lookup_is_the_same_whether_it_grew_or_was_made_at_once(tokens: list[int], cut: int) -> None:
    grown = PromptLookup(tokens[:cut])
    grown.extend(tokens[cut:])
    assert grown.guess(5) == PromptLookup(tokens).guess(5)


def cost_of(base: float, per_token: float, sizes: Iterable[int] = range(1, 80)) -> Price:
    made = StepCost()
    for n in sizes:
        made.observe(n, 0, 0, base + per_token * n)
    return Price(made.calm_seconds)


def n_for(chance: float, price: Price, needed: float = 1.0) -> int:
    return plan_guesses([GuessWish(chance, chance, 16)], 1, 1, 64, price, needed)[0]


def test_sure_guesses_on_a_machine_with_time_are_many_and_unsure_ones_few() -> None:
    cheap = cost_of(1.0, 0.01)
    assert n_for(0.95, cheap) == 16
    assert 0 < n_for(0.3, cheap) < 6
    assert n_for(0.001, cheap) == 0


def test_nothing_is_guessed_where_every_token_costs_the_same() -> None:
    assert n_for(0.9, cost_of(0.0, 1.0)) == 0


def test_nothing_is_guessed_before_any_step_was_measured() -> None:
    assert n_for(0.99, cost_of(1.0, 0.0, sizes=())) == 0


def test_guesses_must_win_as_much_as_is_needed() -> None:
    price = cost_of(1.0, 0.1)
    assert n_for(0.8, price) > 0
    assert n_for(0.8, price, needed=3.0) == 0


def test_guesses_that_take_time_are_fewer() -> None:
    cheap = cost_of(1.0, 0.01)
    assert n_for(0.8, replace(cheap, guess_s=0.3)) < n_for(0.8, cheap)


def test_of_several_sequences_the_surest_guesses_are_made() -> None:
    def cost(n_tokens: int) -> float:  # as that of a kernel for sixteen rows
        return 1.0 if n_tokens <= 16 else 3.0

    wishes = [GuessWish(0.2, 0.9, 16), GuessWish(0.9, 0.9, 16), GuessWish(0.9, 0.9, 2), GuessWish(0.95, 0.5, 16)]
    n_each = plan_guesses(wishes, 4, 4, 64, Price(cost))
    assert sum(n_each) == 12
    assert n_each[1] > n_each[3] > n_each[0]
    assert n_each[2] == 2
    assert sum(plan_guesses(wishes, 4, 4, 5, Price(cost))) == 5, "no more than there is room for"


def test_a_record_learns_and_forgives() -> None:
    record = GuessRecord.fresh(0.7)
    for _ in range(10):
        record.learn(4, 0)
    assert record.chance < 0.2
    for _ in range(200):
        record.passed()
    assert 0.6 < record.chance <= 0.7
    for _ in range(10):
        record.learn(4, 4)
    assert record.chance > 0.9


def test_a_run_goes_on_likelier_than_another_begins() -> None:
    record = GuessRecord.fresh(0.3)
    for _ in range(5):
        record.learn(8, 0)
        record.learn(8, 0)
        record.learn(8, 8)
    assert record.is_in_run
    within = record.chance
    record.learn(8, 3)
    assert not record.is_in_run
    assert record.chance < 0.5 < 0.8 < within


def test_sizes_that_were_not_tried_are_guessed_from_prompts() -> None:
    cost = StepCost()
    cost.observe(1, 0, 0, 0.02)
    assert cost.calm_seconds(16) == 0.02, "nothing is known: worth a try"
    cost.observe(0, 64, 0, 0.16)
    assert cost.calm_seconds(8) == pytest.approx(0.04, rel=0.5)
    assert cost.calm_seconds(4) < cost.calm_seconds(16) < 0.16
    cost.observe(16, 0, 0, 0.1)
    assert cost.calm_seconds(16) == 0.1


def test_a_step_that_was_held_up_is_soon_forgotten() -> None:
    cost = StepCost()
    for seconds in (0.3, 0.1, 0.1, 0.1, 0.3, 0.1):
        cost.observe(1, 0, 0, seconds)
    assert cost.calm_seconds(1) < 0.125


def test_losses_make_cautious_until_they_are_made_up_for() -> None:
    caution = Caution(debt=0.0)
    at_first = caution.needed
    caution.learn(-5.0, has_guesses=False)
    assert caution.needed > at_first
    for _ in range(600):
        caution.learn(0.0, has_guesses=False)
    assert caution.needed == at_first


def test_guesses_pause_for_a_step_to_compare_with_sooner_the_less_they_win() -> None:
    """What steps took without guesses long ago may have been what they took while something held them up."""

    def n_in_a_row(gain: float) -> int:
        caution, n = Caution(debt=0.0), 0
        while caution.needed < gain:
            caution.learn(gain - 1, has_guesses=True)
            n += 1
        caution.learn(0.0, has_guesses=False)
        assert caution.needed < gain
        return n

    assert 0 < n_in_a_row(1.2) < n_in_a_row(2.0) < n_in_a_row(12.0)
    assert n_in_a_row(12.0) > 100
