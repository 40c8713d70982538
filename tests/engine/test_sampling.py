from __future__ import annotations

from lsrv.engine.sampling import fill_sampling, model_defaults
from lsrv.protocol.commands import Sampling


def test_the_request_wins_over_the_model_and_the_model_over_llama_cpp() -> None:
    values = fill_sampling(Sampling(temperature=0.1), {"temperature": 0.6, "top_k": 20}, 512)
    assert (values.temperature, values.top_k, values.top_p) == (0.1, 20, 0.95)


def test_a_given_seed_is_kept_and_a_missing_one_is_random() -> None:
    assert fill_sampling(Sampling(seed=7), {}, 512).seed == 7
    assert fill_sampling(Sampling(), {}, 512).seed != fill_sampling(Sampling(), {}, 512).seed


def test_seeds_beyond_32_bits_stay_repeatable() -> None:
    big = 2**40 + 5
    assert (
        fill_sampling(Sampling(seed=big), {}, 512).seed == fill_sampling(Sampling(seed=big), {}, 512).seed < 2**32 - 1
    )


def test_a_negative_span_means_the_whole_context() -> None:
    values = fill_sampling(Sampling(repeat_last_n=-1, repeat_penalty=1.2), {}, 512)
    assert values.n_history == 512


def test_a_span_takes_no_more_memory_than_the_context_can_use() -> None:
    values = fill_sampling(Sampling(repeat_last_n=2**31 - 1, dry_penalty_last_n=2**31 - 1), {}, 512)
    assert (values.repeat_last_n, values.dry_penalty_last_n) == (512, 512)


def test_plain_greedy_needs_no_chain_but_a_bias_or_penalty_does() -> None:
    assert fill_sampling(Sampling(temperature=0), {}, 512).is_plain_greedy
    assert not fill_sampling(Sampling(temperature=0, logit_bias={1: 5}), {}, 512).is_plain_greedy
    assert not fill_sampling(Sampling(temperature=0, repeat_penalty=1.1), {}, 512).is_plain_greedy


def test_a_gguf_may_recommend_its_own_settings_and_nonsense_is_left_out() -> None:
    meta = {
        "general.sampling.temp": "0.6",
        "general.sampling.top_k": "many",
        "general.sampling.penalty_repeat": "0",
    }
    assert model_defaults(meta.get) == {"temperature": 0.6}


def test_dry_looks_at_the_whole_context_unless_told_otherwise() -> None:
    assert fill_sampling(Sampling(dry_multiplier=0.8), {}, 512).n_history == 512
