"""Cells that run out: in a shared cache who came last waits; a full context forgets its older half."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.engine.engine import Engine
from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.scheduler import has_cells
from lsrv.engine.sequence import Sequence, SequenceState
from lsrv.engine.shift import plan_shift
from lsrv.protocol.commands import Grammar
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.grammars import Grammars
from tests.engine.near_ties import assert_same_texts

PROMPTS = ["Once upon a time", "Tom and Sam", "One day, a girl", "The big red ball", "Lily saw", "A bird"]


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


@pytest.fixture(scope="module")
def scarce(load_stories: LoadStories) -> LoadedModel:
    """Four slots, and cells for one and a half of them."""
    return load_stories(kv="shared", n_cells=384, n_ctx_seq=256, cache_ram_bytes=10_000_000)


@pytest.fixture(scope="module")
def ample(load_stories: LoadStories) -> LoadedModel:
    return load_stories(kv="shared", n_ctx_seq=256)


def test_who_has_to_wait_for_cells_writes_what_it_would_have_written(scarce: LoadedModel, ample: LoadedModel) -> None:
    def run(loaded: LoadedModel) -> list[str]:
        engine = engine_of(loaded)
        engine.fail_all()
        sequences = [
            make_sequence(loaded, i, prompt, n_max_tokens=200, is_ignoring_eos=True) for i, prompt in enumerate(PROMPTS)
        ]
        texts = run_all(engine, *sequences)
        assert all(len(sequence.generated) == 200 for sequence in sequences)
        return [texts[i] for i in range(len(PROMPTS))]

    n_before = engine_of(scarce).counts.n_preempted
    alone = [
        run_all(
            engine_of(ample),
            make_sequence(ample, 0, prompt, n_max_tokens=200, is_ignoring_eos=True),
        )[0]
        for prompt in PROMPTS
    ]
    assert_same_texts(ample, PROMPTS, run(scarce), alone, n_max_tokens=200, is_ignoring_eos=True)
    assert engine_of(scarce).counts.n_preempted > n_before, "make the cells fewer"


def test_a_constrained_answer_goes_on_where_it_was(scarce: LoadedModel) -> None:
    grammars = Grammars(scarce.model.vocab)
    schema = json.dumps({"type": "array", "items": {"enum": ["lily", "tom"]}, "minItems": 40, "maxItems": 40})
    sequences = [
        make_sequence(
            scarce,
            i,
            prompt,
            n_max_tokens=240,
            constraint=Constraint(grammars.compile(Grammar("json_schema", schema, "grammar")), scarce.model.vocab),
        )
        for i, prompt in enumerate(PROMPTS)
    ]
    n_before = engine_of(scarce).counts.n_preempted
    texts = run_all(engine_of(scarce), *sequences)
    assert all(len(json.loads(texts[i])) == 40 for i in range(len(PROMPTS)))
    assert engine_of(scarce).counts.n_preempted > n_before


def test_waiting_for_cells_is_nothing_to_write_into_the_log(
    scarce: LoadedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    n_before = engine_of(scarce).counts.n_preempted
    sequences = [make_sequence(scarce, i, p, n_max_tokens=200, is_ignoring_eos=True) for i, p in enumerate(PROMPTS)]
    run_all(engine_of(scarce), *sequences)
    assert engine_of(scarce).counts.n_preempted > n_before
    assert capfd.readouterr().err == ""


def test_aborting_one_that_waits_for_cells_leaves_the_others_alone(scarce: LoadedModel) -> None:
    engine = engine_of(scarce)
    sequences = [make_sequence(scarce, i, p, n_max_tokens=200, is_ignoring_eos=True) for i, p in enumerate(PROMPTS)]
    for sequence in sequences:
        engine.submit(sequence)
    n_before = engine.counts.n_preempted
    while engine.counts.n_preempted == n_before:
        engine.step()
    gone = next(each for each in sequences if each.state is SequenceState.WAITING)
    assert engine.abort(gone.request_id) is gone
    while engine.has_work:
        engine.step()
    assert all(len(sequence.generated) == 200 for sequence in sequences if sequence is not gone)


def test_a_request_as_long_as_the_whole_cache_is_served(load_stories: LoadStories) -> None:
    loaded = load_stories(kv="shared", n_cells=256, n_ctx_seq=256)
    n_prompt = len(make_sequence(loaded, 0, PROMPTS[0]).prompt)
    sequences = [
        make_sequence(loaded, i, PROMPTS[0], n_max_tokens=256 - n_prompt, is_ignoring_eos=True) for i in range(3)
    ]
    texts = run_all(engine_of(loaded), *sequences)
    options = {"n_max_tokens": 256 - n_prompt, "is_ignoring_eos": True}
    assert_same_texts(loaded, PROMPTS[:1] * 2, [texts[1], texts[2]], [texts[0]] * 2, **options)


@given(st.lists(st.integers(1, 500), max_size=8), st.integers(1, 500), st.integers(500, 5000))
def test_who_is_let_in_has_room_to_write(n_running: list[int], n_tokens: int, n_cells: int) -> None:
    assert has_cells([], n_tokens, n_cells)
    if n_running and has_cells(n_running, n_tokens, n_cells):
        assert sum(n_running) + n_tokens < n_cells - 64


# -- context shift -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speculation", ["off", "lookup"])
@pytest.mark.parametrize("kv", ["split", "shared"])
def test_an_answer_may_be_longer_than_the_context(load_stories: LoadStories, kv: str, speculation: str) -> None:
    loaded = load_stories(is_shifting=True, n_ctx_seq=128, kv=kv, speculation=speculation)
    plain = load_stories(n_ctx_seq=512, kv=kv)
    options = {"n_max_tokens": 400, "is_ignoring_eos": True}
    sequences = [make_sequence(loaded, i, prompt, **options) for i, prompt in enumerate(PROMPTS[:4])]
    texts = run_all(engine_of(loaded), *sequences)
    long = run_all(engine_of(plain), make_sequence(plain, 0, PROMPTS[0], **options))[0]
    for i, sequence in enumerate(sequences):
        assert len(sequence.generated) == 400
        assert sequence.n_dropped > 0
        assert len(set(texts[i][-200:].split())) > 10, "the text is no babble"
    assert texts[0][:150] == long[:150], "until the context is full it is the same"


def test_nobody_uses_the_cells_of_a_shifted_context(load_stories: LoadStories) -> None:
    loaded = load_stories(is_shifting=True, n_ctx_seq=128)
    fresh = run_all(engine_of(loaded), make_sequence(loaded, 0, PROMPTS[0], n_max_tokens=60))[0]
    engine_of(loaded).fail_all()
    run_all(engine_of(loaded), make_sequence(loaded, 1, PROMPTS[0], n_max_tokens=300, is_ignoring_eos=True))
    again = make_sequence(loaded, 2, PROMPTS[0], n_max_tokens=60)
    assert run_all(engine_of(loaded), again)[2] == fresh
    assert again.n_cached == 0


LONG_PROMPT = PROMPTS[0] + " the cat sat on the mat and the dog ran to the park" * 5
BOTH_KV = pytest.mark.parametrize("kv", ["split", "shared"])


def logprobs_beside(engine: Engine, sequence: Sequence) -> list[float]:
    """Submit a sequence and step until it has ended; others go on beside it."""
    engine.submit(sequence)
    found: list[float] = []
    while sequence.finish_reason is None:
        for output in engine.step():
            if output.sequence is sequence and output.logprobs:
                found += [logprob.logprob for logprob in output.logprobs]
    return found


@BOTH_KV
@pytest.mark.parametrize("n_before", [18, 40], ids=["before the shift", "after the shift"])
def test_a_shift_changes_nothing_for_others_with_the_same_prompt(
    load_stories: LoadStories, kv: str, n_before: int
) -> None:
    loaded = load_stories(is_shifting=True, n_ctx_seq=128, kv=kv, flash_attention="off")
    engine = engine_of(loaded)
    options = {"n_max_tokens": 22, "is_ignoring_eos": True}
    fresh = logprobs_beside(engine, make_sequence(loaded, 0, LONG_PROMPT, n_top_logprobs=0, **options))
    engine.fail_all()
    shifting = make_sequence(loaded, 1, LONG_PROMPT, n_max_tokens=100, is_ignoring_eos=True)
    engine.submit(shifting)
    while len(shifting.generated) < n_before:
        engine.step()
    beside = make_sequence(loaded, 2, LONG_PROMPT, n_top_logprobs=0, **options)
    assert logprobs_beside(engine, beside) == pytest.approx(fresh, abs=5e-3)
    assert shifting.n_dropped > 0 and shifting.finish_reason is None
    assert beside.n_cached == (0 if n_before == 40 else len(beside.prompt) - 1)


@pytest.mark.parametrize(("n_ctx_seq", "prompt"), [(32, PROMPTS[0]), (128, LONG_PROMPT)], ids=["small", "nearly full"])
def test_what_a_form_forces_fits_a_context_that_shifts(load_stories: LoadStories, n_ctx_seq: int, prompt: str) -> None:
    loaded = load_stories(is_shifting=True, n_ctx_seq=n_ctx_seq)
    text = "Lily and Tom went to the park. " * 12
    matcher = Grammars(loaded.model.vocab).compile(Grammar("json_schema", json.dumps({"const": text}), "grammar"))
    sequence = make_sequence(loaded, 0, prompt, n_max_tokens=400, constraint=Constraint(matcher, loaded.model.vocab))
    assert json.loads(run_all(engine_of(loaded), sequence)[0]) == text
    assert sequence.n_dropped > 0 and 0 < sequence.n_past <= n_ctx_seq


@BOTH_KV
def test_an_endless_answer_keeps_nobody_out_of_a_free_slot(load_stories: LoadStories, kv: str) -> None:
    loaded = load_stories(is_shifting=True, n_ctx_seq=128, kv=kv)
    engine = engine_of(loaded)
    endless = make_sequence(loaded, 0, PROMPTS[0], n_max_tokens=1000, is_ignoring_eos=True)
    engine.submit(endless)
    while len(endless.generated) < 600:
        engine.step()
    engine.submit(make_sequence(loaded, 1, PROMPTS[1]))
    engine.step()
    assert engine.n_waiting == 0


@BOTH_KV
def test_a_full_neighbour_keeps_nobody_out_of_a_slot_with_cells_of_its_own(load_stories: LoadStories, kv: str) -> None:
    loaded = load_stories(n_ctx_seq=128, kv=kv)
    engine = engine_of(loaded)
    sequences = [make_sequence(loaded, i, LONG_PROMPT, n_max_tokens=20, is_ignoring_eos=True) for i in range(4)]
    for sequence in sequences:
        engine.submit(sequence)
    engine.step()
    assert engine.n_running == 4


@given(st.integers(1, 100), st.integers(0, 128), st.integers(1, 20), st.integers(64, 128))
def test_a_shift_makes_room_and_keeps_the_beginning(n_prompt: int, n_past: int, n_unread: int, n_ctx: int) -> None:
    n_past = min(n_past, n_ctx)
    shift = plan_shift(n_prompt, n_past, n_unread, n_ctx)
    if shift is None:
        assert n_past + n_unread <= n_ctx
        return
    assert 0 <= shift.n_keep <= n_ctx // 4
    assert shift.n_keep + shift.n_drop <= n_past
    assert n_past - shift.n_drop + n_unread <= n_ctx
