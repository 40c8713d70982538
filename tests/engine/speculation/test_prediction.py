"""What a request predicts is guessed, and verified like every guess: also where the entry guesses nothing itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.engine import Engine
from lsrv.engine.load.loading import EngineParts, LoadedModel
from lsrv.engine.sequence import Sequence
from lsrv.engine.speculation.prediction import Prediction
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.near_ties import assert_same_texts
from tests.engine.speculation.test_speculation import Cheap
from tests.models import STORIES

PROMPT = "Once upon a time, there was a little girl named Lily."
N_TOKENS = 80


@pytest.fixture(scope="module", params=["off", "lookup", "draft"])
def cheap(request: pytest.FixtureRequest, load_stories: LoadStories) -> LoadedModel:
    """On a machine where long batches cost nothing."""
    return load_stories(EngineParts(cost=Cheap()), speculation=request.param, draft_path=str(STORIES))


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


def written(loaded: LoadedModel, prediction: list[int]) -> tuple[Sequence, str, int]:
    """A sequence, its text, and in how many steps it came."""
    engine = engine_of(loaded)
    sequence = make_sequence(loaded, 1, PROMPT, n_max_tokens=N_TOKENS, prediction=prediction, is_ignoring_eos=True)
    n_before = engine.counts.n_steps
    return sequence, run_all(engine, sequence)[1], engine.counts.n_steps - n_before


def assert_same(loaded: LoadedModel, found: str, expected: str) -> None:
    assert_same_texts(loaded, [PROMPT], [found], [expected], n_max_tokens=N_TOKENS, is_ignoring_eos=True)


def test_an_answer_that_was_foreseen_comes_in_fewer_steps(cheap: LoadedModel) -> None:
    plain, text, _ = written(cheap, [])
    told, same_text, n_steps = written(cheap, list(plain.generated))
    assert_same(cheap, same_text, text)
    assert n_steps < N_TOKENS / 4
    assert told.n_accepted > N_TOKENS / 2
    assert told.n_accepted + told.n_rejected <= told.n_guessed


def test_a_changed_word_costs_little_and_what_follows_is_found_again(cheap: LoadedModel) -> None:
    plain, text, _ = written(cheap, [])
    other = list(plain.generated)
    other[20:22] = [5, 6, 7]
    told, same_text, n_steps = written(cheap, other)
    assert_same(cheap, same_text, text)
    assert n_steps < N_TOKENS / 2
    assert told.n_rejected >= 1
    assert told.n_accepted > N_TOKENS / 2


def test_what_never_comes_changes_nothing(cheap: LoadedModel) -> None:
    plain, text, _ = written(cheap, [])
    told, same_text, _ = written(cheap, [9] * N_TOKENS)
    assert_same(cheap, same_text, text)
    assert told.n_accepted == 0
    assert plain.n_accepted == plain.n_rejected == 0


def test_nobody_else_gets_guesses_where_the_entry_has_none(load_stories: LoadStories) -> None:
    loaded = load_stories(EngineParts(cost=Cheap()))
    repeated = make_sequence(loaded, 1, "The cat sat. " * 8, n_max_tokens=60)
    run_all(engine_of(loaded), repeated)
    assert repeated.n_guessed == 0
    loaded.free()


def test_it_is_followed_from_its_beginning() -> None:
    prediction = Prediction([1, 2, 3, 4, 5])
    assert prediction.guess([], 3) == [1, 2, 3]
    assert prediction.guess([1], 9) == [2, 3, 4, 5]
    assert prediction.guess([2], 9) == []
    assert prediction.guess([1, 2, 3, 4, 5], 9) == []


def test_it_is_found_again_behind_where_it_was_lost() -> None:
    prediction = Prediction([1, 2, 3, 4, 7, 1, 2, 3, 5])
    assert prediction.guess([1, 2, 3], 1) == [4]
    assert prediction.guess([1, 2, 3, 4], 9) == [7, 1, 2, 3, 5]
    assert prediction.guess([1, 2, 3, 4, 9, 1, 2, 3], 9) == [5]
    assert prediction.guess([9, 9, 1, 2, 3], 1) == [5]


tokens = st.lists(st.integers(0, 3), max_size=12)


@given(predicted=tokens, answer=tokens)
def test_a_guess_is_a_part_of_the_prediction_and_there_whenever_it_says_so(
    predicted: list[int], answer: list[int]
) -> None:
    prediction = Prediction(predicted)
    for n in range(len(answer) + 1):
        has_guess = prediction.has_guess(answer[:n])
        guess = prediction.guess(answer[:n], 4)
        assert bool(guess) == has_guess
        assert any(predicted[at : at + len(guess)] == guess for at in range(len(predicted) + 1))


@given(predicted=st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_a_prediction_that_is_right_is_guessed_to_its_end(predicted: list[int]) -> None:
    prediction, answer = Prediction(predicted), list[int]()
    while len(answer) < len(predicted):
        guess = prediction.guess(answer, 3)
        assert guess
        if guess != predicted[len(answer) : len(answer) + len(guess)]:  # the same three tokens stand elsewhere, too
            guess = predicted[len(answer) : len(answer) + 1]
        answer += guess
