"""Guesses pay where text repeats, from the first answer after a load on, and cost next to nothing elsewhere."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

import pytest

from tests.engine.speculation.speculated_text import N_TOKENS, Machine, Stage, Text

# Milliseconds by tokens of a step, all with logits. Two cores, a 0.6B model in Q4_K_M: kernels for several rows are
# slow for a few, better for sixteen. The same machine on another day; a laptop with cheap batches; a GPU.
TWO_CORES = {
    1: 19,
    2: 43,
    3: 54,
    4: 66,
    5: 75,
    6: 88,
    7: 99,
    8: 104,
    12: 109,
    16: 116,
    17: 154,
    32: 187,
    64: 294,
    256: 900,
}
ANOTHER_DAY = {1: 19, 2: 30, 4: 43, 5: 75, 8: 80, 12: 72, 16: 72, 17: 100, 32: 140, 64: 230, 256: 800}
LAPTOP = {1: 40, 2: 44, 4: 52, 8: 70, 16: 110, 17: 118, 32: 200, 64: 380, 256: 1500}
GPU = {1: 10, 256: 11}
CURVES = {"two cores": TWO_CORES, "another day": ANOTHER_DAY, "laptop": LAPTOP, "gpu": GPU}
NO_GAIN = {1: 20, 256: 5120}  # every token costs the same

DAYS = {
    "quiet": {},
    "noisy": {"noise": 0.1, "held_up": 0.02},
    "slow start": {"noise": 0.1, "held_up": 0.02, "n_slow": 15},
}

_N = N_TOKENS + 20
_N_SEEDS = 5


def repeating(_: random.Random) -> Text:
    return [None] * 4 + [True] * _N


def wrong(_: random.Random) -> Text:
    return [None] * 4 + [False] * _N


def sometimes(chance: float) -> Callable[[random.Random], Text]:
    return lambda rng: [None] * 4 + [rng.random() < chance for _ in range(_N)]


def in_runs(_: random.Random) -> Text:
    """Copies of 30 tokens; between them no guesses, then wrong ones."""
    return ([None] * 15 + [False] * 15 + [True] * 30) * (_N // 60 + 1)


def turning(_: random.Random) -> Text:
    """A copy that is left for good."""
    return [None] * 4 + [True] * (N_TOKENS // 2) + [False] * _N


ELSEWHERE = {
    "wrong": wrong,
    "10 %": sometimes(0.1),
    "30 %": sometimes(0.3),
    "60 %": sometimes(0.6),
    "runs": in_runs,
    "turning": turning,
}


@pytest.fixture(params=CURVES)
def curve(request: pytest.FixtureRequest) -> dict[int, float]:
    return CURVES[request.param]


@pytest.fixture(params=DAYS)
def day(request: pytest.FixtureRequest) -> dict[str, float]:
    return DAYS[request.param]


def gains(machine: Machine, text: Callable[[random.Random], Text], n_streams: int = 1) -> tuple[float, float]:
    """Of the first answers after a load and of the second ones: the medians of several runs."""
    both: list[tuple[float, float]] = []
    for seed in range(_N_SEEDS):
        rng = random.Random(seed)
        stage = Stage(machine, [text(rng) for _ in range(2 * n_streams)], seed)
        both.append((stage.gain(n_streams), stage.gain(n_streams)))
    return statistics.median(first for first, _ in both), statistics.median(second for _, second in both)


@pytest.mark.parametrize("n_streams", [1, 4])
def test_text_that_repeats_is_written_faster_from_the_first_answer_on(
    curve: dict[int, float], day: dict[str, float], n_streams: int
) -> None:
    first, second = gains(Machine(curve, **day), repeating, n_streams)
    assert first >= 1.5
    assert second >= 1.5


@pytest.mark.parametrize("n_streams", [1, 4])
@pytest.mark.parametrize("text", ELSEWHERE)
def test_no_other_text_is_slowed_down(
    curve: dict[int, float], day: dict[str, float], text: str, n_streams: int
) -> None:
    first, second = gains(Machine(curve, **day), ELSEWHERE[text], n_streams)
    assert first >= 0.97
    assert second >= 0.97


@pytest.mark.parametrize("text", ELSEWHERE)
def test_where_a_batch_saves_nothing_nothing_is_lost(text: str) -> None:
    first, second = gains(Machine(NO_GAIN, noise=0.05), ELSEWHERE[text])
    assert first >= 0.97
    assert second >= 0.97


def test_copies_of_thirty_tokens_pay(curve: dict[int, float]) -> None:
    first, _ = gains(Machine(curve), in_runs)
    assert first >= 1.15


def test_a_wrong_guess_is_watched_before_it_is_paid_for() -> None:
    """On two cores a long guess costs as much as seven tokens: that there is one says little."""
    stage = Stage(Machine(TWO_CORES), [wrong(random.Random(0))], seed=0)
    stage.gain()
    assert stage.n_guessed == 0


def test_costs_of_a_slow_start_are_not_believed_for_ever() -> None:
    """Whatever was measured while something else took the machine, the second answer is as fast as on a quiet day."""
    _, second = gains(Machine(TWO_CORES, n_slow=60), repeating)
    assert second >= 0.9 * gains(Machine(TWO_CORES), repeating)[1]
