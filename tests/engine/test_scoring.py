"""Prompts whose tokens are scored: as likely as when the model wrote them, a few in each step, and never skipped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.engine import Engine
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.scoring import PromptScores, share_rows
from lsrv.engine.sequence import Sequence
from lsrv.protocol.events import PromptLogprob
from tests.engine.conftest import make_sequence, run_all

STORY = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. " * 4


def scored(stories: LoadedModel, request_id: int, prompt: str, n_top: int = 0, **options: object) -> Sequence:
    sequence = make_sequence(stories, request_id, prompt, n_max_tokens=0, can_reuse_cache=False, **options)
    sequence.scores = PromptScores(len(sequence.prompt), n_top)
    return sequence


def run(engine: Engine, *sequences: Sequence) -> dict[int, list[list[PromptLogprob]]]:
    """The scores that each step told, of every request."""
    for sequence in sequences:
        engine.submit(sequence)
    told: dict[int, list[list[PromptLogprob]]] = {sequence.request_id: [] for sequence in sequences}
    while engine.has_work:
        for output in engine.step():
            told[output.sequence.request_id].append(output.prompt_logprobs)
    return told


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


def test_a_text_is_as_likely_as_when_it_was_written(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    written = make_sequence(stories, 1, "Once upon a time", n_max_tokens=40, n_top_logprobs=2)
    engine.submit(written)
    logprobs = [each for _ in range(200) if engine.has_work for o in engine.step() for each in o.logprobs or ()]
    again = scored(stories, 2, "", n_top=2)
    again.prompt = np.concatenate([written.prompt, np.array(written.generated, np.int32)])
    again.scores = PromptScores(len(again.prompt), 2)
    (told,) = run(engine, again).values()
    scores = [score for step in told for score in step]
    assert [score.token for score in scores] == again.prompt.tolist()
    assert scores[0].logprob is None
    for score, logprob in zip(scores[len(written.prompt) :], logprobs, strict=True):
        assert score.logprob == pytest.approx(logprob.logprob, abs=0.02)
        assert score.rank == 1
        assert score.top[0].token == score.token
        assert [top.rank for top in score.top] == [1, 2]
    assert again.finish_reason == "length"
    assert again.generated == []


def test_a_rank_is_the_place_among_all_tokens(stories: LoadedModel) -> None:
    (told,) = run(engine_of(stories), scored(stories, 1, "The zoo zz q", n_top=20)).values()
    for score in [score for step in told for score in step][1:]:
        better = [top for top in score.top if top.logprob is not None and top.logprob > (score.logprob or 0.0)]
        assert score.rank == len(better) + 1 or score.rank > len(score.top) == len(better)


def test_a_step_scores_no_more_tokens_than_it_has_outputs_for(stories: LoadedModel) -> None:
    """And those of several prompts share them."""
    n_rows = stories.params.n_outputs - stories.params.n_slots
    sequences = [scored(stories, number, f"{number}. {STORY}") for number in range(3)]
    told = run(engine_of(stories), *sequences)
    for sequence in sequences:
        steps = told[sequence.request_id]
        assert max(len(step) for step in steps) <= n_rows + 1
        assert [score.token for step in steps for score in step] == sequence.prompt.tolist()
    assert len(told[0]) > 1


def test_streams_go_on_while_a_prompt_is_scored(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    stream = make_sequence(stories, 1, "Once", n_max_tokens=200)
    stream.is_ignoring_eos = True
    engine.submit(stream)
    for _ in range(5):
        engine.step()
    asked = scored(stories, 2, STORY)
    engine.submit(asked)
    n_written = len(stream.generated)
    n_steps = 0
    while asked.finish_reason is None:
        engine.step()
        n_steps += 1
    assert n_steps > 1
    assert len(stream.generated) == n_written + n_steps


def test_what_is_known_of_a_prompt_is_computed_all_the_same(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    run_all(engine, make_sequence(stories, 1, STORY))
    asked = scored(stories, 2, STORY)
    (told,) = run(engine, asked).values()
    assert sum(map(len, told)) == len(asked.prompt)
    assert asked.n_cached == 0
    later = make_sequence(stories, 3, STORY)
    run_all(engine, later)
    assert later.n_cached > 0


def test_a_prompt_of_one_token_has_one_without_a_score(stories: LoadedModel) -> None:
    asked = scored(stories, 1, "")
    assert len(asked.prompt) == 1
    (told,) = run(engine_of(stories), asked).values()
    assert [score.logprob for step in told for score in step] == [None]


@given(n_prompt=st.integers(1, 50), chunks=st.lists(st.integers(0, 9), min_size=20, max_size=60))
def test_every_token_but_the_first_is_scored_once(n_prompt: int, chunks: list[int]) -> None:
    """Also where a prompt is read from its beginning once more: a chunk of none stands for its being preempted."""
    scores, end = PromptScores(n_prompt, 0), 0
    n_rows = 0
    for chunk in [*chunks, 0, n_prompt]:
        start, end = (0, 0) if chunk == 0 else (end, min(n_prompt, end + chunk))
        n = scores.n_outputs(end)
        assert 0 <= n <= end - start
        n_rows += n
        scores.n_told += n + (scores.n_told == 0 and end > 0)
    assert n_rows == n_prompt - 1
    assert scores.is_complete


@given(n_wanting=st.integers(1, 200), n_rows=st.integers(1, 100))
def test_outputs_are_shared_alike_and_all_of_them(n_wanting: int, n_rows: int) -> None:
    shares = share_rows(n_wanting, n_rows)
    assert sum(shares) == n_rows
    assert shares[0] == max(shares) >= 1
    assert max(shares) - min(shares) <= 1
