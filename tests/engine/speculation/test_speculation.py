"""Guessed tokens: the same text as without, the same distribution, and fewer steps where texts repeat."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import lsrv.demo
from lsrv.engine.cost import StepCost
from lsrv.engine.engine import Engine
from lsrv.engine.grammar.constraint import Constraint
from lsrv.engine.llama.backend import Backend
from lsrv.engine.load.loading import EngineParts, LoadedModel
from lsrv.engine.load.memory_plan import plan_memory
from lsrv.engine.speculation.record import GuessRecord
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import Grammar, LoadParams, Sampling
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.grammars import Grammars
from tests.engine.near_ties import assert_same_texts
from tests.models import STORIES

DEMO = Path(lsrv.demo.__file__).parent / "lsrv-demo-F16.gguf"
STORY = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
PROMPTS = [STORY, STORY * 2, "Tom and Sam", "The cat sat. The cat sat. The cat sat.", "One day"]
COUNTS = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)


@pytest.fixture(scope="module", params=["lookup", "draft", "lookup shared"])
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    mode, _, kv = request.param.partition(" ")
    return mode, kv or "split"


@pytest.fixture(scope="module")
def plain(case: tuple[str, str], load_stories: LoadStories) -> LoadedModel:
    return load_stories(kv=case[1])


@pytest.fixture(scope="module")
def guessing(case: tuple[str, str], load_stories: LoadStories) -> LoadedModel:
    """On a machine where long batches cost nothing, and where guesses were mostly right so far."""
    return load_stories(guesses_at_any_cost(), speculation=case[0], draft_path=str(STORIES), kv=case[1])


class Cheap(StepCost):
    """A machine on which a longer batch costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        for n in range(1, 200):
            super().observe(n, 0, 0, 1.0)

    def observe(self, n_decode: int, n_prefill: int, n_past: int, seconds: float) -> None:
        pass


def engine_of(loaded: LoadedModel) -> Engine:
    assert loaded.generation is not None
    return loaded.generation


class Hopeful(GuessRecord):
    """Does not learn that a guess was wrong."""

    def learn(self, n_guessed: int, n_right: int) -> None:
        pass


def guesses_at_any_cost(chance: float = 0.9) -> EngineParts:
    return EngineParts(cost=Cheap(), experience=Hopeful.fresh(chance))


def texts_of(loaded: LoadedModel, **options: object) -> list[str]:
    engine = engine_of(loaded)
    engine.fail_all()
    sequences = [make_sequence(loaded, i, prompt, n_max_tokens=60, **options) for i, prompt in enumerate(PROMPTS)]
    texts = run_all(engine, *sequences)
    return [texts[i] for i in range(len(PROMPTS))]


def assert_same(loaded: LoadedModel, others: list[str], **options: object) -> None:
    """`others` are what `loaded` writes without guesses."""
    own = texts_of(loaded, **options)
    assert_same_texts(loaded, PROMPTS, others, own, n_max_tokens=60, **options)


def test_the_text_is_the_same_and_takes_fewer_steps(plain: LoadedModel, guessing: LoadedModel) -> None:
    engine = engine_of(guessing)
    n_plain, n_guessing = engine_of(plain).counts.n_steps, engine.counts.n_steps
    assert_same(plain, texts_of(guessing))
    n_plain, n_guessing = engine_of(plain).counts.n_steps - n_plain, engine.counts.n_steps - n_guessing
    assert engine.counts.n_right_tokens > 0
    assert n_guessing < n_plain
    assert_same(plain, texts_of(guessing))  # with cached prompts


@pytest.mark.parametrize("n_batch", [4, 8, 16])
def test_guesses_take_no_more_than_the_room_of_a_batch(
    load_stories: LoadStories, case: tuple[str, str], n_batch: int
) -> None:
    sizes = {"n_batch": n_batch, "n_ubatch": n_batch, "kv": case[1]}
    plain = load_stories(**sizes)
    guessing = load_stories(guesses_at_any_cost(), speculation=case[0], draft_path=str(STORIES), **sizes)
    assert_same(plain, texts_of(guessing))
    assert n_batch == 4 or engine_of(guessing).counts.n_right_tokens > 0


def test_guesses_are_right_behind_a_shift_too(load_stories: LoadStories) -> None:
    loaded = load_stories(guesses_at_any_cost(), is_shifting=True, n_ctx_seq=128, speculation="lookup")
    sequence = make_sequence(loaded, 0, PROMPTS[3], n_max_tokens=1000, is_ignoring_eos=True)
    engine_of(loaded).submit(sequence)
    while not sequence.n_dropped:
        engine_of(loaded).step()
    n_before = sequence.n_right
    while engine_of(loaded).has_work:
        engine_of(loaded).step()
    assert sequence.n_right > n_before


@pytest.mark.parametrize("seed", range(4))
def test_a_seed_gives_the_same_text_with_guesses(plain: LoadedModel, guessing: LoadedModel, seed: int) -> None:
    sampling = Sampling(temperature=0.7, seed=seed, repeat_penalty=1.1)
    pairs = zip(texts_of(guessing, sampling=sampling), texts_of(plain, sampling=sampling), strict=True)
    assert sum(ours != theirs for ours, theirs in pairs) <= 1  # a draw may fall on the border of two tokens


def test_stop_strings_and_limits_end_inside_of_guesses(plain: LoadedModel, guessing: LoadedModel) -> None:
    for stops in (["park"], ["the"], ["."], ["e"]):
        assert_same(plain, texts_of(guessing, stops=stops), stops=stops)
    for n in range(1, 12):
        sequences = [make_sequence(each, 0, PROMPTS[3], n_max_tokens=n) for each in (guessing, plain)]
        texts = [run_all(engine_of(each), s)[0] for each, s in zip((guessing, plain), sequences, strict=True)]
        assert_same_texts(plain, [PROMPTS[3]], texts[:1], texts[1:], n_max_tokens=n)
        assert len(sequences[0].generated) == n


def test_logprobs_are_told_for_every_token(guessing: LoadedModel) -> None:
    engine = engine_of(guessing)
    sequence = make_sequence(guessing, 0, PROMPTS[3], n_max_tokens=40, n_top_logprobs=1)
    engine.submit(sequence)
    n_told = 0
    while engine.has_work:
        n_told += sum(len(output.logprobs or []) for output in engine.step())
    assert n_told == len(sequence.generated)
    assert sequence.n_right > 0


def test_the_distribution_is_that_of_the_model(plain: LoadedModel, guessing: LoadedModel) -> None:
    """The third token after a repeated text, over many seeds: guesses make no likely token likelier."""

    def thirds(loaded: LoadedModel, first_seed: int) -> Counter[int]:
        sampling = [
            Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=first_seed + seed) for seed in range(300)
        ]
        sequences = [
            make_sequence(loaded, i, PROMPTS[3], n_max_tokens=4, sampling=each) for i, each in enumerate(sampling)
        ]
        run_all(engine_of(loaded), *sequences)
        return Counter(sequence.generated[min(2, len(sequence.generated) - 1)] for sequence in sequences)

    # Equal, but for a draw in a hundred that falls on the border of two tokens, which rounding moves.
    assert (thirds(guessing, 0) - thirds(plain, 0)).total() <= 3


def test_a_constrained_answer_is_guessed_within_its_form(plain: LoadedModel, guessing: LoadedModel) -> None:
    item = {"type": "object", "properties": {"is_red": {"enum": [True, False]}}, "required": ["is_red"]}
    schema = json.dumps(
        {"type": "array", "minItems": 6, "maxItems": 6, "items": item | {"additionalProperties": False}}
    )

    def text(loaded: LoadedModel) -> str:
        matcher = Grammars(loaded.model.vocab).compile(Grammar("json_schema", schema, "grammar"))
        constraint = Constraint(matcher, loaded.model.vocab)
        sequence = make_sequence(loaded, 0, PROMPTS[0], n_max_tokens=150, constraint=constraint)
        return run_all(engine_of(loaded), sequence)[0]

    assert text(guessing) == text(plain)
    assert len(json.loads(text(guessing))) == 6


def test_aborting_and_failing_leave_nothing_behind(guessing: LoadedModel) -> None:
    engine = engine_of(guessing)
    alone = texts_of(guessing)
    for i in range(6):
        engine.submit(make_sequence(guessing, i, PROMPTS[i % 5], n_max_tokens=60))
    for _ in range(8):
        engine.step()
    engine.abort(0)
    engine.abort(3)
    engine.fail_all()
    assert engine._speculation is not None
    assert not engine._speculation._records
    assert_same_texts(guessing, PROMPTS, texts_of(guessing), alone, n_max_tokens=60)


def test_memory_of_a_draft_is_planned(backend: Backend) -> None:
    def plan(**options: object) -> int:
        params = LoadParams(model_path=str(STORIES), n_ctx_seq=512, n_slots=2, cache_ram_bytes=0, **options)
        return plan_memory(backend, params, []).contexts[0].total_bytes

    alone, both = plan(), plan(speculation="draft", draft_path=str(STORIES))
    assert 1.9 * alone < both < 2.5 * alone


def test_a_draft_with_another_vocabulary_is_refused(load_stories: LoadStories) -> None:
    with pytest.raises(LoadFailedError, match="another vocabulary"):
        load_stories(speculation="draft", draft_path=str(DEMO))


def test_a_text_that_turns_out_to_repeat_is_guessed_though_nothing_was_tried(load_stories: LoadStories) -> None:
    """Guesses that seem too dear are watched: when they would have been right, they are made."""
    loaded = load_stories(EngineParts(cost=Cheap(), experience=GuessRecord.fresh(0.0)), speculation="lookup")
    engine = engine_of(loaded)
    token = int(loaded.model.vocab.tokenize("cat", add_special=False, parse_special=False)[0])
    sampling = Sampling(temperature=0, logit_bias={token: 100.0})
    sequence = make_sequence(loaded, 0, "Once", n_max_tokens=100, sampling=sampling)
    n_before = engine.counts.n_steps
    run_all(engine, sequence)
    assert sequence.n_right == sequence.n_guessed > 50
    assert engine.counts.n_steps - n_before < 50
