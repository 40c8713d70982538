"""Plans of prefill: bounded by what a step may take, complete, fair to long and short prompts. No model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.cost import Curve, StepCost
from lsrv.engine.scheduler import GATHERED_S, Load, Unread, copy_budget, plan_prefill, prefill_budget

FOUR_STREAMS = Load(n_streams=4, n_decode=4)
REMAINING = st.lists(st.integers(1, 3000), min_size=1, max_size=16)


def unread(n_tokens: int, priority: int = 0) -> Unread:
    """A prompt of which nothing was read yet."""
    return Unread(n_tokens, n_tokens, priority)


LONG = [unread(1_000_000)]


@given(REMAINING, st.integers(0, 2048))
def test_a_plan_fills_its_budget_and_asks_no_prompt_for_more_than_it_has(n_remaining: list[int], budget: int) -> None:
    chunks = plan_prefill([unread(n) for n in n_remaining], budget)
    assert sum(chunk.n_tokens for chunk in chunks) == min(budget, sum(n_remaining))
    assert all(0 < chunk.n_tokens <= n_remaining[chunk.index] for chunk in chunks)
    assert len({chunk.index for chunk in chunks}) == len(chunks)


@given(REMAINING, st.integers(2, 2048))
def test_who_came_first_gets_half_of_every_step(n_remaining: list[int], budget: int) -> None:
    chunks = plan_prefill([unread(n) for n in n_remaining], budget)
    first = next((chunk.n_tokens for chunk in chunks if chunk.index == 0), 0)
    assert first >= min(n_remaining[0], budget // 2)


def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    chunks = {chunk.index: chunk.n_tokens for chunk in plan_prefill([unread(2000), unread(1500), unread(30)], 100)}
    assert chunks == {0: 50, 1: 20, 2: 30}


def test_what_is_left_goes_by_priority_and_half_to_whose_turn_it_is_all_the_same() -> None:
    prompts = [unread(2000, -1), unread(30), unread(1500, 1), unread(1400, 1)]
    chunks = {chunk.index: chunk.n_tokens for chunk in plan_prefill(prompts, 100)}
    assert chunks == {0: 50, 3: 50}


def cost_of(decode: dict[int, float], prefill: dict[int, float]) -> StepCost:
    cost = StepCost()
    for n, seconds in decode.items():
        cost.decode.observe(n, seconds)
    for n, seconds in prefill.items():
        cost.prefill.observe(n, seconds)
    return cost


def test_a_chunk_makes_a_step_less_than_twice_as_long() -> None:
    cost = cost_of({4: 0.060}, {4: 0.020, 16: 0.080, 512: 2.560})
    budget = prefill_budget(FOUR_STREAMS, LONG, 512, 2.0, cost)
    assert budget > 4
    assert cost.decode.seconds(4) + cost.prefill.seconds(budget) < 2 * cost.decode.seconds(4)


def test_a_step_that_nobody_can_see_is_filled() -> None:
    cost = cost_of({4: 0.0005}, {4: 0.0004, 16: 0.0016, 512: 0.0512})
    budget = prefill_budget(FOUR_STREAMS, LONG, 512, 2.0, cost)
    assert 0.003 < cost.decode.seconds(4) + cost.prefill.seconds(budget) <= GATHERED_S


def test_streams_pause_once_for_a_short_prompt() -> None:
    cost = cost_of({4: 0.060}, {4: 0.040, 8: 0.063, 50: 0.170, 512: 1.5})
    for_long = prefill_budget(FOUR_STREAMS, LONG, 512, 2.0, cost)
    assert for_long < 8
    assert prefill_budget(FOUR_STREAMS, [unread(50)], 512, 2.0, cost) == 50
    assert prefill_budget(FOUR_STREAMS, [*LONG, unread(50)], 512, 2.0, cost) == 50
    assert cost.prefill.seconds(prefill_budget(FOUR_STREAMS, 20 * [unread(50)], 512, 2.0, cost)) < 0.5
    the_end_of_a_long_one = [Unread(50, n_whole=1_000_000)]
    assert prefill_budget(FOUR_STREAMS, the_end_of_a_long_one, 512, 2.0, cost) == for_long


def test_who_wants_prompts_sooner_lets_streams_wait_longer() -> None:
    cost = cost_of({4: 0.060}, {4: 0.020, 16: 0.080, 512: 2.560})
    budgets = [prefill_budget(FOUR_STREAMS, LONG, 512, slowdown, cost) for slowdown in (1.2, 2.0, 4.0, 1000.0)]
    assert budgets == sorted(budgets)
    assert budgets[-1] == 508


def test_many_prompts_share_the_time_with_few_streams() -> None:
    cost = cost_of({1: 0.030}, {4: 0.030, 512: 2.6})
    one, seven = (prefill_budget(Load(1, 1), n_prompts * LONG, 512, 2.0, cost) for n_prompts in (1, 7))
    assert 6 < cost.prefill.seconds(seven) / cost.decode.seconds(1) < 7.1
    assert one < seven


def test_where_a_token_more_costs_nothing_the_batch_is_filled() -> None:
    assert prefill_budget(FOUR_STREAMS, LONG, 512, 2.0, cost_of({4: 0.010}, {512: 0.007})) == 508


def test_prompts_get_on_where_nothing_is_known_and_where_every_token_is_dear() -> None:
    assert prefill_budget(FOUR_STREAMS, LONG, 512, 2.0, StepCost()) > 0
    assert prefill_budget(Load(1, 1), LONG, 512, 2.0, cost_of({1: 0.001}, {1: 1.0})) > 0


def test_a_step_for_copies_takes_a_tenth_of_a_second() -> None:
    assert copy_budget(512, StepCost()) == 4, "nothing is known"
    assert copy_budget(512, cost_of({}, {50: 0.05, 200: 0.2})) == 100
    assert copy_budget(64, cost_of({}, {50: 0.05, 200: 0.2})) == 64
    assert copy_budget(512, cost_of({}, {4: 1.0})) == 4, "they get on, whatever it costs"


def test_a_full_batch_has_no_room() -> None:
    assert prefill_budget(Load(8, 8), LONG, 8, 2.0, StepCost()) == 0


@given(st.floats(0.003, 0.1), st.floats(0.0001, 0.05), st.floats(0.0, 0.05))
def test_the_chunk_size_settles_whatever_the_machine(base_s: float, token_s: float, pass_s: float) -> None:
    """Starting from nothing, a machine where a pass and each token cost so much is learnt in a few steps."""
    cost = StepCost()
    for _ in range(5):
        cost.observe(4, 0, base_s)
    budget = 0
    for _ in range(60):
        budget = prefill_budget(FOUR_STREAMS, LONG, 512, 2.0, cost)
        cost.observe(4, budget, base_s + pass_s + token_s * budget)
    best = max(4, min(508, int((0.8 * base_s - pass_s) / token_s)))
    assert best * 0.5 <= budget <= best * 1.1 + 1


def test_a_curve_joins_what_was_seen() -> None:
    curve = Curve()
    assert curve.seconds(10) == 0.0
    curve.observe(10, 1.0)
    curve.observe(100, 10.0)
    assert curve.seconds(5) == 1.0
    assert curve.seconds(55) == 5.5
    assert curve.seconds(200) == 20.0
    assert curve.n_within(5.5, 1000) == 55


def test_one_step_that_was_held_up_does_not_count_for_more_than_a_slow_one() -> None:
    curve = Curve()
    for _ in range(20):
        curve.observe(4, 0.01)
    curve.observe(4, 100.0)
    assert curve.seconds(4) < 0.02
