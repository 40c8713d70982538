from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.scheduler import plan_prefill

N_UBATCH = 64


@given(st.lists(st.integers(1, 500), max_size=8), st.integers(0, 16), st.integers(16, 512))
def test_a_plan_never_overfills_the_batch_and_takes_prompts_in_order(
    n_remaining: list[int], n_decoding: int, n_batch: int
) -> None:
    chunks = plan_prefill(n_remaining, n_decoding, n_batch, N_UBATCH)
    assert n_decoding + sum(chunk.n_tokens for chunk in chunks) <= max(n_batch, n_decoding)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.n_tokens == n_remaining[chunk.index] for chunk in chunks[:-1])


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.integers(16, 512))
def test_with_nothing_decoding_the_whole_batch_is_used(n_remaining: list[int], n_batch: int) -> None:
    n_planned = sum(chunk.n_tokens for chunk in plan_prefill(n_remaining, 0, n_batch, N_UBATCH))
    assert n_planned == min(n_batch, sum(n_remaining))


def test_running_streams_wait_for_no_more_than_one_ubatch_of_prefill() -> None:
    chunks = plan_prefill([2000], 3, 2048, N_UBATCH)
    assert [chunk.n_tokens for chunk in chunks] == [N_UBATCH - 3]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.integers(0, 15))
def test_every_prompt_is_read_to_its_end(n_remaining: list[int], n_decoding: int) -> None:
    left = list(n_remaining)
    for _ in range(sum(n_remaining) + 1):
        open_ones = [i for i, n in enumerate(left) if n]
        if not open_ones:
            return
        for chunk in plan_prefill([left[i] for i in open_ones], n_decoding, 128, N_UBATCH):
            left[open_ones[chunk.index]] -= chunk.n_tokens
    raise AssertionError(f"never finished: {left}")
