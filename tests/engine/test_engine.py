from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsrv.engine.engine import Engine
from lsrv.engine.llama.batch import Batch
from lsrv.engine.load.loading import LoadedModel
from lsrv.protocol.commands import Sampling
from tests.engine.conftest import LoadStories, make_sequence, run_all
from tests.engine.near_ties import assert_same_texts
from tests.models.kinds import write_suppressing

PROMPTS = ["Once upon a time", "The little dog", "Lily and Tom went to the park", "One day, a big bird"]


def engine_of(stories: LoadedModel) -> Engine:
    assert stories.generation is not None
    return stories.generation


def test_the_model_tells_a_story(stories: LoadedModel) -> None:
    text = run_all(engine_of(stories), make_sequence(stories, 1, "Once upon a time"))[1]
    assert text.startswith(", there was a little girl named")


def test_sequences_in_one_batch_say_what_each_says_alone(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    alone = {i: run_all(engine, make_sequence(stories, i, prompt))[i] for i, prompt in enumerate(PROMPTS)}
    engine.fail_all()
    together = run_all(engine, *(make_sequence(stories, i, prompt) for i, prompt in enumerate(PROMPTS)))
    assert_same_texts(stories, PROMPTS, together, alone)


def test_more_sequences_than_slots_all_finish(stories: LoadedModel) -> None:
    texts = run_all(engine_of(stories), *(make_sequence(stories, i, PROMPTS[i % 4]) for i in range(11)))
    assert_same_texts(stories, [PROMPTS[i % 4] for i in range(11)], texts, [texts[i % 4] for i in range(11)])
    assert all(texts.values())


def test_a_prompt_read_in_chunks_beside_a_running_stream_changes_nothing(load_stories: LoadStories) -> None:
    long_prompt = " ".join(PROMPTS * 4)
    small = load_stories(n_batch=32, n_ubatch=16)
    engine = engine_of(small)
    alone = run_all(engine, make_sequence(small, 1, long_prompt))[1]
    engine.fail_all()
    engine.submit(make_sequence(small, 2, "Once upon a time", n_max_tokens=60))
    engine.step()
    beside = run_all(engine, make_sequence(small, 1, long_prompt))[1]
    assert_same_texts(small, [long_prompt], [beside], [alone])


def test_a_repeated_prompt_is_reused_except_for_its_last_token(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    first = make_sequence(stories, 1, PROMPTS[2])
    second = make_sequence(stories, 2, PROMPTS[2])
    texts = run_all(engine, first) | run_all(engine, second)
    assert (first.n_cached, second.n_cached) == (0, len(second.prompt) - 1)
    assert_same_texts(stories, [PROMPTS[2]], [texts[2]], [texts[1]])


def test_the_second_turn_of_a_conversation_reuses_prompt_and_answer(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    first = make_sequence(stories, 1, PROMPTS[0])
    answer = run_all(engine, first)[1]
    second = make_sequence(stories, 2, PROMPTS[0] + answer + " Then Lily")
    cached = run_all(engine, second)[2]
    assert second.n_cached >= len(first.prompt)
    engine.fail_all()
    fresh = run_all(engine, make_sequence(stories, 3, PROMPTS[0] + answer + " Then Lily"))[3]
    assert_same_texts(stories, [PROMPTS[0] + answer + " Then Lily"], [cached], [fresh])


def test_cache_prompt_off_computes_everything_again(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    run_all(engine, make_sequence(stories, 1, PROMPTS[2]))
    again = make_sequence(stories, 2, PROMPTS[2], can_reuse_cache=False)
    run_all(engine, again)
    assert again.n_cached == 0


def test_a_stop_string_across_tokens_ends_the_text_before_it(stories: LoadedModel) -> None:
    sequence = make_sequence(stories, 1, "Once upon a time", stops=["girl named"], n_max_tokens=50)
    text = run_all(engine_of(stories), sequence)[1]
    assert text == ", there was a little "
    assert (sequence.finish_reason, sequence.text.stop_string) == ("stop", "girl named")


def test_the_token_limit_ends_with_length(stories: LoadedModel) -> None:
    sequence = make_sequence(stories, 1, "Once upon a time", n_max_tokens=3)
    run_all(engine_of(stories), sequence)
    assert (sequence.finish_reason, len(sequence.generated)) == ("length", 3)


def test_an_aborted_sequence_leaves_its_slot_in_the_same_step(load_stories: LoadStories) -> None:
    stories = load_stories(n_slots=1)
    engine = engine_of(stories)
    running = make_sequence(stories, 1, PROMPTS[0], n_max_tokens=200)
    queued = make_sequence(stories, 2, PROMPTS[1])
    engine.submit(running)
    engine.step()
    engine.submit(queued)
    assert engine.abort(1) is running
    engine.step()
    assert running.finish_reason == "abort"
    assert queued.seq_id == running.seq_id
    assert engine.abort(1) is None


def test_a_waiting_sequence_can_be_aborted(load_stories: LoadStories) -> None:
    stories = load_stories(n_slots=1)
    engine = engine_of(stories)
    engine.submit(make_sequence(stories, 1, PROMPTS[0]))
    engine.submit(make_sequence(stories, 2, PROMPTS[1]))
    assert engine.abort(2) is not None
    assert set(run_all(engine)) == {1}


def test_a_seed_repeats_its_text_and_another_seed_does_not(stories: LoadedModel) -> None:
    engine = engine_of(stories)

    def sampled(request_id: int, seed: int) -> str:
        sampling = Sampling(temperature=1.5, seed=seed, top_k=0, top_p=1, min_p=0)
        return run_all(engine, make_sequence(stories, request_id, PROMPTS[0], sampling=sampling))[request_id]

    assert sampled(1, 42) == sampled(2, 42) != sampled(3, 43)


def test_ignoring_eos_writes_on_to_the_limit(stories: LoadedModel) -> None:
    sequence = make_sequence(stories, 1, PROMPTS[0], n_max_tokens=200, is_ignoring_eos=True)
    run_all(engine_of(stories), sequence)
    assert len(sequence.generated) == 200
    assert not any(stories.model.vocab.is_eog(token) for token in sequence.generated)


def test_a_logit_bias_forces_its_token(stories: LoadedModel) -> None:
    sampling = Sampling(temperature=0, logit_bias={300: 1000.0})
    sequence = make_sequence(stories, 1, PROMPTS[0], sampling=sampling, n_max_tokens=3)
    run_all(engine_of(stories), sequence)
    assert sequence.generated == [300, 300, 300]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_tokens_that_the_model_suppresses_never_come(
    tmp_path: Path, load_stories: LoadStories, temperature: float
) -> None:
    def written(path: Path, suppressed: list[int]) -> list[int]:
        write_suppressing(path, suppressed)
        model = load_stories(model_path=str(path))
        sequence = make_sequence(
            model, 1, PROMPTS[0], sampling=Sampling(temperature=temperature, seed=1), n_max_tokens=30
        )
        run_all(engine_of(model), sequence)
        return sequence.generated

    usual = written(tmp_path / "free.gguf", [511])
    barred = sorted(set(usual))
    assert barred
    assert not set(barred) & set(written(tmp_path / "barred.gguf", barred))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_where_everything_is_ruled_out_the_answer_ends_with_an_error(stories: LoadedModel, temperature: float) -> None:
    sampling = Sampling(temperature=temperature, logit_bias=dict.fromkeys(range(512), float("-inf")))
    sequence = make_sequence(stories, 1, PROMPTS[0], sampling=sampling)
    run_all(engine_of(stories), sequence)
    assert (sequence.finish_reason, sequence.generated) == ("abort", [])
    assert sequence.error is not None
    assert "logit_bias" in sequence.error.message


def test_a_strong_presence_penalty_never_repeats_a_token(stories: LoadedModel) -> None:
    sampling = Sampling(temperature=0, presence_penalty=1000.0, repeat_last_n=-1)
    sequence = make_sequence(stories, 1, PROMPTS[0], sampling=sampling, n_max_tokens=40)
    run_all(engine_of(stories), sequence)
    assert len(set(sequence.generated)) == len(sequence.generated)


def test_dry_ends_a_repetition_without_being_told_how_far_to_look(stories: LoadedModel) -> None:
    """The bias makes the model write one token for ever; only DRY stands against it."""
    bias = {300: 15.0}

    def n_written(request_id: int, dry_multiplier: float) -> int:
        sampling = Sampling(temperature=0, logit_bias=bias, dry_multiplier=dry_multiplier)
        sequence = make_sequence(stories, request_id, PROMPTS[0], sampling=sampling, n_max_tokens=40)
        run_all(engine_of(stories), sequence)
        return sequence.generated.count(300)

    assert n_written(1, dry_multiplier=5.0) < n_written(2, dry_multiplier=0.0)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1, mirostat=1),
        Sampling(seed=1, mirostat=2),
        Sampling(seed=1, xtc_probability=0.5),
        Sampling(seed=1, typical_p=0.5),
        Sampling(seed=1, top_n_sigma=1.0),
        Sampling(seed=1, dynatemp_range=0.3),
        Sampling(seed=1, dry_multiplier=0.8),
    ],
)
def test_every_sampler_writes_text(stories: LoadedModel, sampling: Sampling) -> None:
    assert run_all(engine_of(stories), make_sequence(stories, 1, PROMPTS[0], sampling=sampling))[1]


def test_logprobs_are_those_of_a_softmax_and_greedy_takes_the_top(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    engine.submit(make_sequence(stories, 1, PROMPTS[0], n_top_logprobs=5, n_max_tokens=4))
    n_vocab = stories.model.vocab.n_tokens
    while engine.has_work:
        (output,) = engine.step()
        assert output.logprobs is not None
        (chosen,) = output.logprobs
        assert chosen.logprob == chosen.top[0].logprob
        assert [t.logprob for t in chosen.top] == sorted((t.logprob for t in chosen.top), reverse=True)
        assert 0 < np.exp([t.logprob for t in chosen.top]).sum() <= 1 + 1e-6
        assert len(chosen.top) == 5 < n_vocab


def test_logprobs_are_the_models_own_whatever_the_sampler_does(stories: LoadedModel) -> None:
    engine, vocab = engine_of(stories), stories.model.vocab
    read, rows = engine._context.logits, list[np.ndarray]()

    def watch(n: int) -> np.ndarray:
        logits = read(n)
        rows.append(logits[0].astype(np.float64))
        return logits

    sampling = Sampling(temperature=1.5, seed=3, top_k=0, repeat_penalty=1.5, logit_bias={300: 3.0, 301: -100.0})
    sequence = make_sequence(
        stories, 1, PROMPTS[0], sampling=sampling, n_max_tokens=30, n_top_logprobs=4, is_ignoring_eos=True
    )
    engine._context.logits = watch
    engine.submit(sequence)
    try:
        told = [logprob for _ in range(30) for output in engine.step() for logprob in output.logprobs or ()]
    finally:
        engine._context.logits = read
    assert len(told) == len(rows) == 30
    for logprob, row, token in zip(told, rows, sequence.generated, strict=True):
        expected = row - np.logaddexp.reduce(row)
        assert logprob.raw == vocab.special_piece(token)
        assert logprob.logprob == pytest.approx(expected[token], abs=1e-9)
        likeliest = np.argsort(-expected)[:4]
        assert [top.logprob for top in logprob.top] == pytest.approx(expected[likeliest].tolist(), abs=1e-9)


def test_choices_of_one_prompt_read_it_once(stories: LoadedModel) -> None:
    engine = engine_of(stories)
    n_before = engine.counts.n_prefill_tokens
    sequences = [
        make_sequence(stories, i, " ".join(PROMPTS * 3), sampling=Sampling(temperature=1, seed=i), n_max_tokens=5)
        for i in range(8)
    ]
    run_all(engine, *sequences)
    n_prompt = len(sequences[0].prompt)
    assert [each.n_cached for each in sequences] == [0] + [n_prompt - 1] * 7
    assert engine.counts.n_prefill_tokens - n_before == n_prompt + 7  # each reads the last token for itself


@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("kv", ["split", "shared"])
def test_the_same_request_alone_gives_the_same_text_again(
    load_stories: LoadStories, kv: str, temperature: float
) -> None:
    """With one slot whatever else is asked; the prompt in the cache or not."""
    stories = load_stories(kv=kv, n_slots=1)
    engine = engine_of(stories)

    def written(request_id: int, *, is_fresh: bool) -> list[int]:
        sampling = Sampling(temperature=temperature, seed=9)
        sequence = make_sequence(stories, request_id, PROMPTS[2], sampling=sampling, n_max_tokens=150)
        sequence.can_reuse_cache = not is_fresh
        others = [make_sequence(stories, request_id + i, PROMPTS[i], n_max_tokens=9) for i in range(1, 3)]
        run_all(engine, others[0], sequence, others[1])
        return sequence.generated

    first = written(10, is_fresh=True)
    assert len(first) > 20
    assert written(20, is_fresh=True) == first
    assert written(30, is_fresh=False) == written(40, is_fresh=False)


def test_a_shared_kv_cache_says_the_same_as_separate_streams(load_stories: LoadStories) -> None:
    texts = [
        run_all(engine_of(stories), *(make_sequence(stories, i, prompt) for i, prompt in enumerate(PROMPTS)))
        for stories in (load_stories(kv="split"), load_stories(kv="shared"))
    ]
    assert texts[0] == texts[1]


def test_batches_list_their_sequences_in_rising_order_whoever_came_first(load_stories: LoadStories) -> None:
    stories = load_stories(n_slots=4)
    engine = engine_of(stories)
    seen: list[list[int]] = []
    decode = engine._context.decode

    def watch(batch: Batch) -> None:
        seen.append([int(seq_id) for seq_id in batch._seq_id[: batch.n_tokens]])
        decode(batch)

    engine._context.decode = watch
    run_all(engine, *(make_sequence(stories, i, PROMPTS[i % 4], n_max_tokens=3 + 5 * (i % 3)) for i in range(14)))
    assert all(seq_ids == sorted(seq_ids) for seq_ids in seen)
    assert any(len(set(seq_ids)) == 4 for seq_ids in seen)


def test_the_first_step_with_a_stream_tells_what_it_takes_without_prompts(load_stories: LoadStories) -> None:
    loaded = load_stories()
    engine = engine_of(loaded)
    stream = make_sequence(loaded, 1, "Once upon a time", n_max_tokens=50, is_ignoring_eos=True)
    engine.submit(stream)
    engine.step()
    engine.submit(make_sequence(loaded, 2, "The cat sat on the mat and saw a bird. " * 8, n_max_tokens=5))
    n_read = engine.counts.n_prefill_tokens
    engine.step()
    assert engine.counts.n_prefill_tokens == n_read and len(stream.generated) == 2
    engine.step()
    assert engine.counts.n_prefill_tokens > n_read
