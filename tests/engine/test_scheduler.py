"""Plans of prefill: bounded by what a step may take, complete, fair to long and short prompts. No model."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.cost import ChunkCost, Curve, StepCost
from lsrv.engine.scheduler import GATHERED_S, StreamLoad, Unread, copy_budget, plan_beside_streams, plan_prefill

FOUR_STREAMS = StreamLoad(n_streams=4, n_decode=4)
REMAINING = st.lists(st.integers(1, 3000), min_size=1, max_size=16)


def unread(n_tokens: int, priority: int = 0) -> Unread:
    """A prompt of which nothing was read yet."""
    return Unread(n_tokens, n_tokens, priority=priority)


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


def test_those_who_came_together_are_read_to_their_end_one_after_the_other() -> None:
    alone = [(chunk.index, chunk.n_tokens) for chunk in plan_prefill([unread(500)] * 8, 512)]
    assert alone == [(0, 500), (1, 12)]
    others = [Unread(488, 500, 12, is_older=True), *(Unread(500, 500, is_older=True) for _ in range(6))]
    plan = plan_beside_streams(StreamLoad(1, 1), others, 512, 2.0, cost_of({1: 0.05}, {512: 3.0}))
    assert [(chunk.index, chunk.n_tokens) for chunk in plan.chunks] == [(0, 488), (1, 23)]
    assert not plan.is_long


def test_whoever_comes_while_they_stream_is_read_in_portions() -> None:
    cost = cost_of({1: 0.05, 4: 0.06}, {4: 0.02, 64: 0.3, 512: 2.4})
    newcomer = plan_beside_streams(FOUR_STREAMS, [unread(5000)], 512, 2.0, cost)
    assert 0 < sum(chunk.n_tokens for chunk in newcomer.chunks) < 300
    mixed = [unread(5000), Unread(300, 500, 200, is_older=True)]
    assert [chunk.index for chunk in plan_beside_streams(FOUR_STREAMS, mixed, 512, 2.0, cost).chunks] == [1]


def cost_of(decode: dict[int, float], prefill: dict[int, float]) -> StepCost:
    cost = StepCost()
    for n, seconds in decode.items():
        cost.decode.observe(n, seconds)
    for n, seconds in prefill.items():
        cost.prefill.observe(n, 0, seconds)
    return cost


def n_read(prompts: list[Unread], cost: StepCost, load: StreamLoad = FOUR_STREAMS, slowdown: float = 2.0) -> int:
    """Prompt tokens of a step in a batch of 512."""
    return sum(chunk.n_tokens for chunk in plan_beside_streams(load, prompts, 512, slowdown, cost).chunks)


def test_a_chunk_makes_a_step_less_than_twice_as_long() -> None:
    cost = cost_of({4: 0.060}, {4: 0.008, 16: 0.032, 512: 1.024})
    n_tokens = n_read(LONG, cost)
    assert n_tokens > 4
    assert cost.decode.seconds(4) + cost.prefill.seconds(n_tokens) < 2 * cost.decode.seconds(4)


def test_a_step_that_nobody_can_see_is_filled() -> None:
    cost = cost_of({4: 0.0005}, {4: 0.0004, 16: 0.0016, 512: 0.0512})
    many = 40 * [unread(2000)]
    load = StreamLoad(n_streams=40, n_decode=4)
    assert cost.decode.seconds(4) + cost.prefill.seconds(n_read(many, cost, load)) >= GATHERED_S


def test_streams_pause_once_for_short_prompts() -> None:
    cost = cost_of({4: 0.060}, {4: 0.010, 8: 0.020, 50: 0.170, 512: 2.5})
    for_long = n_read(LONG, cost)
    assert 8 < for_long < 20
    assert n_read([unread(50)], cost) == 50
    assert plan_beside_streams(FOUR_STREAMS, [*LONG, unread(50)], 512, 2.0, cost).chunks[0].n_tokens == 50
    assert n_read([*LONG, unread(50)], cost) == 50 + for_long, "a short one leaves nothing of its share to a long one"
    assert 100 < n_read(7 * [unread(50)], cost, StreamLoad(1, 1)) < 200, "the first of them need not wait for the last"
    assert n_read([Unread(50, n_whole=1_000_000)], cost) == for_long, "the end of a long one is no short one"
    assert n_read([unread(50)], cost_of({4: 0.060}, {512: 2.5})) == 50, "no small chunk was ever seen"


DEAR_WHEN_SMALL = {4: 0.080, 16: 0.200, 64: 0.370, 128: 0.700, 512: 2.9}


def steps_until(n_tokens: int, cost: StepCost) -> list[int]:
    """How many tokens of a long prompt each step reads, until they are as many."""
    steps: list[int] = []
    n_alone = math.inf
    while sum(steps) < n_tokens:
        n_alone += 1
        prompt = Unread(n_tokens - sum(steps), n_tokens, n_past=sum(steps))
        plan = plan_beside_streams(StreamLoad(3, 3, n_alone), [prompt], 512, 2.0, cost)
        n_alone = 0 if plan.is_long else n_alone
        steps.append(sum(chunk.n_tokens for chunk in plan.chunks))
    return steps


def test_where_small_chunks_are_dear_streams_pause_now_and_then_for_large_ones() -> None:
    cost = cost_of({3: 0.045}, DEAR_WHEN_SMALL)
    steps = steps_until(2000, cost)
    assert steps[0] > 0, "at once, if streams ran alone until now"
    pauses = [n for n in steps if n]
    assert len(pauses) / len(steps) < 0.05, "less than one token in twenty comes late"
    assert 0.6 < cost.prefill.seconds(pauses[0]) <= 0.75


def test_streams_lose_no_more_of_their_time_to_pauses_than_they_may() -> None:
    cost = cost_of({3: 0.010}, DEAR_WHEN_SMALL)
    steps = steps_until(2000, cost)
    paused_s = sum(cost.prefill.seconds(n) for n in steps if n)
    assert paused_s < 1.1 * len(steps) * 0.010


def test_chunks_get_smaller_where_more_is_before_them() -> None:
    cost = cost_of({3: 0.045}, DEAR_WHEN_SMALL)
    for _ in range(10):
        cost.observe(3, 64, 1000, 0.045 + 0.74)
    pauses = [n for n in steps_until(1600, cost) if n]
    assert pauses[0] > pauses[2] > 64
    assert cost.prefill.seconds(pauses[2], n_past=sum(pauses[:2])) <= 0.75
    assert pauses[-2] == 64, "few more take longer than half as many"
    assert cost.prefill.seconds(64, n_past=1600) < 1.5


def test_who_wants_prompts_sooner_lets_streams_wait_longer() -> None:
    cost = cost_of({4: 0.060}, {4: 0.008, 16: 0.032, 512: 1.024})
    read = [n_read(LONG, cost, slowdown=slowdown) for slowdown in (1.5, 2.0, 4.0, 1000.0)]
    assert read == sorted(read)
    assert read[-1] == 508


def test_many_prompts_share_the_time_with_few_streams() -> None:
    cost = cost_of({1: 0.030}, {4: 0.010, 512: 1.28})
    one, seven = (n_read(n_prompts * LONG, cost, StreamLoad(1, 1)) for n_prompts in (1, 7))
    assert 6 < cost.prefill.seconds(seven) / cost.decode.seconds(1) < 7.1
    assert one < seven


def test_where_a_token_more_costs_nothing_the_batch_is_filled() -> None:
    assert n_read(LONG, cost_of({4: 0.010}, {512: 0.007})) == 508


def test_prompts_get_on_where_nothing_is_known_and_where_every_token_is_dear() -> None:
    assert n_read(LONG, StepCost()) > 0
    assert n_read(LONG, cost_of({1: 0.001}, {1: 1.0}), StreamLoad(1, 1)) > 0


def test_a_step_for_copies_takes_a_tenth_of_a_second() -> None:
    assert copy_budget(512, 0, StepCost()) == 4, "nothing is known"
    assert copy_budget(512, 0, cost_of({}, {50: 0.05, 200: 0.2})) == 100
    assert copy_budget(64, 0, cost_of({}, {50: 0.05, 200: 0.2})) == 64
    assert copy_budget(512, 0, cost_of({}, {4: 1.0})) == 4, "they get on, whatever it costs"


def test_a_full_batch_has_no_room() -> None:
    assert not plan_beside_streams(StreamLoad(8, 8), LONG, 8, 2.0, StepCost()).chunks


@given(st.floats(0.003, 0.1), st.floats(0.0001, 0.05), st.floats(0.0, 0.05))
def test_the_chunk_size_settles_whatever_the_machine(base_s: float, token_s: float, pass_s: float) -> None:
    """Starting from nothing, a machine where a pass and each token cost so much is learnt in a few chunks."""
    cost = StepCost()
    for _ in range(5):
        cost.observe(4, 0, 0, base_s)
    n_tokens, chunk_s = 4, 0.0
    for _ in range(60):
        n_tokens = n_read(LONG, cost)
        chunk_s = pass_s + token_s * n_tokens
        cost.observe(4, n_tokens, 0, base_s + chunk_s)
    pause_s = max(0.75, 12 * base_s)
    within = [min(508, int((limit_s - pass_s) / token_s)) for limit_s in (0.8 * base_s, pause_s, 2 * pause_s)]
    bests = (max(4, within[0]), max(4, within[1], min(64, within[2])))  # in each step, or now and then
    assert any(0.5 * best <= n_tokens <= 1.1 * best + 1 for best in bests)


def test_a_curve_joins_what_was_seen() -> None:
    curve = Curve()
    assert curve.seconds(10) == 0.0
    curve.observe(10, 1.0)
    curve.observe(100, 10.0)
    assert curve.seconds(5) == 0.5
    assert curve.seconds(55) == 5.5
    assert curve.seconds(200) == 20.0
    assert curve.n_within(5.5, 1000) == 55


def test_more_tokens_may_take_less_time_than_fewer() -> None:
    curve = Curve()
    for n_tokens, seconds in {4: 0.1, 32: 0.5, 64: 0.45, 128: 0.9}.items():
        curve.observe(n_tokens, seconds)
    assert 64 < curve.n_within(0.47, 512) < 68
    assert curve.n_within(0.47, 40) < 32
    assert curve.n_within(0.2, 512) == 11
    assert curve.n_within(0.05, 512) == 2
    assert curve.n_within(0.02, 512) == 0


def test_what_is_before_a_chunk_is_learnt_for_chunks_of_all_sizes() -> None:
    cost = ChunkCost()
    cost.observe(64, 0, 0.17)
    cost.observe(128, 0, 0.32)
    for _ in range(30):
        cost.observe(64, 1024, 0.37)
    assert 0.36 < cost.seconds(64, 1024) < 0.38
    assert 0.60 < cost.seconds(128, 1024) < 0.75
    assert cost.seconds(128, 100) < 0.37
    assert cost.n_within(0.5, 512, n_past=1024) < 0.6 * cost.n_within(0.5, 512)


def test_one_step_that_was_held_up_does_not_count_for_more_than_a_slow_one() -> None:
    curve = Curve()
    for _ in range(20):
        curve.observe(4, 0.01)
    curve.observe(4, 100.0)
    assert curve.seconds(4) < 0.02
