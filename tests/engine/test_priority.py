"""Priority inside the engine: who gets a slot, whose prompt is read, who gives its cells back."""

from __future__ import annotations

import pytest

from lsrv.engine.engine import Engine
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.sequence import Sequence, SequenceState
from lsrv.priority import STEP_S
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.near_ties import assert_same_texts

LONG = "Once upon a time there was a little girl named Lily who went to the park with her dog. " * 6
OTHER_LONG = "Tom and Sam had a big red ball and they played with it all day in the green garden. " * 6
N_CHUNK = 32  # tokens that a step reads


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


@pytest.fixture(scope="module")
def single(load_stories: LoadStories) -> LoadedModel:
    """One slot."""
    return load_stories(n_slots=1)


def order_of_ends(engine: Engine, *sequences: Sequence) -> list[int]:
    for sequence in sequences:
        engine.submit(sequence)
    ended: list[int] = []
    while engine.has_work:
        ended += [each.sequence.request_id for each in engine.step() if each.sequence.finish_reason]
    return ended


def test_a_high_one_that_comes_last_overtakes_all_who_wait(single: LoadedModel) -> None:
    engine = engine_of(single)
    engine.submit(make_sequence(single, 0, "Once", n_max_tokens=3))
    engine.step()
    waiting = [make_sequence(single, i, "Once", n_max_tokens=2) for i in (1, 2)]
    low, high = (make_sequence(single, i, "Once", n_max_tokens=2, priority=p) for i, p in ((3, -1), (4, 1)))
    assert order_of_ends(engine, low, *waiting, high) == [0, 4, 1, 2, 3]


def test_a_low_one_gets_on_under_a_stream_of_high_ones(single: LoadedModel) -> None:
    """Each new one comes a second after the one before; the engine's clock is the time of submission."""
    engine = engine_of(single)
    low = make_sequence(single, 0, "Once", n_max_tokens=1, priority=-1)
    engine.submit(make_sequence(single, 1, "Once", n_max_tokens=1))
    engine.submit(low)
    n_overtook = 0
    for second in range(1, 100):
        high = make_sequence(single, 1 + second, "Once", n_max_tokens=1, priority=2)
        high.submitted_at = low.submitted_at + second
        engine.submit(high)
        engine.step()
        if low.finish_reason:
            break
        n_overtook += 1
    assert n_overtook == 3 * STEP_S
    run_all(engine)


def test_a_prompt_of_high_priority_is_read_first(load_stories: LoadStories) -> None:
    loaded = load_stories(n_batch=N_CHUNK, n_ubatch=N_CHUNK, n_ctx_seq=512)
    engine = engine_of(loaded)
    usual, high = (make_sequence(loaded, i, text, priority=i) for i, text in enumerate((LONG, OTHER_LONG)))
    engine.submit(usual)
    engine.step()
    n_before = usual.n_past
    engine.submit(high)
    while high.state is not SequenceState.DECODE:
        engine.step()
    assert usual.n_past < n_before + N_CHUNK, "it got what the last chunk of the high one left"
    assert len(run_all(engine)) == 2


def test_who_reads_for_a_high_one_reads_with_its_priority(load_stories: LoadStories) -> None:
    loaded = load_stories(n_batch=N_CHUNK, n_ubatch=N_CHUNK, n_ctx_seq=512)
    engine = engine_of(loaded)
    usual = make_sequence(loaded, 0, OTHER_LONG)
    leader, follower = (make_sequence(loaded, i, LONG, priority=p) for i, p in ((1, -1), (2, 1)))
    engine.submit(usual)
    engine.submit(leader)
    engine.step()
    engine.submit(follower)
    engine.step()
    assert follower.n_past == 0
    n_before = usual.n_past
    while leader.n_past < len(leader.prompt) - 1:
        engine.step()
    assert usual.n_past < n_before + N_CHUNK
    run_all(engine)


def test_the_lowest_gives_its_cells_back_and_of_equals_the_youngest(load_stories: LoadStories) -> None:
    loaded = load_stories(kv="shared", n_cells=384, n_ctx_seq=256)
    engine = engine_of(loaded)
    prompts = ["Once upon a time", "Tom and Sam", "One day, a girl", "The big red ball"]
    sequences = [
        make_sequence(loaded, i, prompt, n_max_tokens=200, is_ignoring_eos=True, priority=priority)
        for i, (prompt, priority) in enumerate(zip(prompts, (0, -1, 0, 1), strict=True))
    ]
    for sequence in sequences:
        engine.submit(sequence)
        engine.step()
    preempted: list[int] = []
    while engine.has_work:
        before = [each for each in sequences if each.state is SequenceState.DECODE]
        engine.step()
        preempted += [each.request_id for each in before if each.state is SequenceState.WAITING]
    assert preempted[:2] == [1, 2], "priority -1, then the younger one of 0"
    assert 3 not in preempted
    assert all(len(sequence.generated) == 200 for sequence in sequences)


def test_who_followed_one_that_lost_its_cells_reads_on_at_once(load_stories: LoadStories) -> None:
    """Nobody else may be left to read in the step that ran out of cells, and an empty batch is an error."""
    loaded = load_stories(kv="shared", n_ctx_seq=256, n_batch=N_CHUNK, n_ubatch=N_CHUNK)
    engine = engine_of(loaded)
    alone = run_all(engine, make_sequence(loaded, 0, LONG, n_max_tokens=8))[0]
    engine.fail_all()
    leader, follower = (make_sequence(loaded, i, LONG, n_max_tokens=8, priority=p) for i, p in ((1, -1), (2, 1)))
    engine.submit(leader)
    engine.step()
    engine.submit(follower)
    engine.step()
    assert engine._cache.is_following(follower)
    engine._preempt(leader)
    assert not engine._cache.is_following(follower)
    texts = run_all(engine)
    assert_same_texts(loaded, [LONG] * 2, [texts[1], texts[2]], [alone] * 2, n_max_tokens=8)


def test_a_copy_is_read_in_short_steps_and_a_request_at_once(load_stories: LoadStories) -> None:
    loaded = load_stories(n_ctx_seq=512)
    engine = engine_of(loaded)
    copy, request = make_sequence(loaded, 0, LONG, is_copy=True), make_sequence(loaded, 1, OTHER_LONG)
    engine.submit(copy)
    engine.step()
    assert 0 < copy.n_past < 8, "nothing is known yet of how long a step takes"
    engine.submit(request)
    engine.step()
    assert request.n_past == len(request.prompt)
    assert len(run_all(engine)) == 2
