"""How long an open context becomes: each rule by an example, all of them under random plans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lsrv.protocol.events import ContextPlan
from lsrv.registry.memory.fitting.context import ChosenContext, choose_context, lengths_to_plan
from tests.registry.memory.fitting.plans import bounds, context, mib

LENGTHS = (4096, 8192, 16384, 32768, 2048, 1024, 512)


def contexts(weights: int, per_1024: int, device: str = "CPU") -> list[ContextPlan]:
    return [context(n, weights=weights, per_1024=per_1024, device=device) for n in LENGTHS]


def chosen(
    weights: int, per_1024: int, available: int, share: int | None = None, device: str = "CPU"
) -> tuple[int, str]:
    limits = bounds(mib(CPU=40) | mib(**{device: available}), mib(CPU=40) | mib(**{device: share or available}))
    choice = choose_context(contexts(weights, per_1024, device), limits, 32768)
    return choice.plan.n_ctx_seq, choice.because


def test_where_all_is_plenty_it_is_all_that_the_model_was_trained_for() -> None:
    assert chosen(8000, 100, 100_000) == (32768, "all that the model was trained for")


def test_it_grows_to_the_share_of_one_model() -> None:
    n, because = chosen(8000, 100, 100_000, share=10_000)
    assert n == 16384
    assert because == "32768 tokens would take 11.0 GiB of RAM, and the share of one model is 9.8 GiB of RAM"


def test_it_may_take_more_than_a_share_to_be_as_long_as_usual() -> None:
    assert chosen(8000, 100, 100_000, share=2_000)[0] == 4096


def test_a_small_model_does_not_get_slow_to_load() -> None:
    n, because = chosen(100, 100, 100_000)
    assert n == 8192, "400 MiB more; 16384 would take 1200 MiB more"
    assert because == "16384 tokens would take 1.2 GiB of RAM more, which every load would have to clear"


def test_a_large_model_may_clear_as_much_as_it_reads() -> None:
    assert chosen(1300, 100, 100_000)[0] == 16384


def test_the_memory_of_a_gpu_is_cleared_in_no_time() -> None:
    assert chosen(100, 100, 100_000, device="CUDA0")[0] == 32768


def test_what_is_too_long_as_usual_is_shortened_and_says_why() -> None:
    n, because = chosen(1000, 1000, 3500)
    assert n == 2048
    assert because == "4096 tokens would take 4.9 GiB of RAM, and there is 3.4 GiB of RAM"


def test_what_fits_in_no_length_is_planned_in_the_shortest() -> None:
    assert chosen(5000, 1000, 3500)[0] == 512


def test_a_model_is_planned_up_to_what_it_was_trained_for() -> None:
    assert lengths_to_plan(0, 4) == [0, 2048, 1024, 512]
    assert lengths_to_plan(1024, 4) == [0, 512], "beyond what it was trained for nothing works"
    assert lengths_to_plan(40960, 4) == [0, 8192, 16384, 32768, 40960, 2048, 1024, 512]
    assert lengths_to_plan(1 << 20, 4)[-4] == 131072
    assert lengths_to_plan(1 << 20, 256)[-4] == 16384, "no plan of more cells than take no time"


@given(st.integers(1, 50_000), st.integers(0, 4000), st.integers(0, 60_000), st.integers(0, 60_000))
def test_what_is_chosen_fits_if_anything_does(weights: int, per_1024: int, available: int, share: int) -> None:
    limits = bounds(mib(CPU=available), mib(CPU=min(share, available)))
    options = contexts(weights, per_1024)
    choice: ChosenContext = choose_context(options, limits, 32768)
    assert limits.can_hold(choice.plan) == any(limits.can_hold(each) for each in options)
    assert choice.plan.n_ctx_seq <= 4096 or limits.is_comfortable(choice.plan)
    assert choice.because
