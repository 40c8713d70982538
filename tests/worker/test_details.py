"""What clients of llama.cpp's own server ask for beside a text: its tokens, its settings, how far a prompt is read."""

from __future__ import annotations

from lsrv.protocol.commands import Generate, Sampling
from tests.worker.conftest import StartWorker
from tests.worker.test_worker import collect, story

_PROMPT = [1, 403, 407]  # "<s> Once upon"


def test_deltas_carry_the_tokens_that_the_end_has_all_of(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load()
    worker.send(story(1, "Once upon", wants_tokens=True))
    deltas, ends = collect(worker)
    end = ends[1]
    told = [token for delta in deltas[1] for token in delta.tokens]
    assert told
    assert end.tokens[: len(_PROMPT)] == _PROMPT
    assert end.tokens[len(_PROMPT) :][: len(told)] == told
    assert len(end.tokens) == len(_PROMPT) + 20


def test_logprobs_name_their_tokens(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load()
    worker.send(story(1, "Once upon", wants_tokens=True, n_top_logprobs=2, is_streaming=False))
    end = collect(worker)[1][1]
    assert [logprob.token for logprob in end.logprobs] == end.tokens[len(_PROMPT) :]
    assert all(logprob.top[0].token == logprob.token for logprob in end.logprobs)


def test_details_have_the_prompt_with_control_tokens_and_every_setting(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load()
    worker.send(story(1, "Once upon", wants_details=True, sampling=Sampling(temperature=0, seed=7)))
    details = collect(worker)[1][1].details
    assert details.prompt == "<s> Once upon"
    assert (details.sampling.seed, details.sampling.temperature, details.sampling.top_k) == (7, 0, 40)


def test_texts_and_ids_in_a_row_are_one_prompt(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load()
    worker.send(
        story(1, prompt=None, prompt_parts=["Once", 407], wants_tokens=True),
        story(2, prompt=None, prompt_parts=[1, 403, 407], wants_tokens=True),
        story(3, "Once upon", wants_tokens=True),
    )
    ends = collect(worker, 3)[1]
    assert ends[1].tokens == ends[2].tokens == ends[3].tokens


def test_parts_that_are_no_tokens_are_refused(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load()
    worker.send(story(1, prompt=None, prompt_parts=["Once", 5000]))
    assert "5000" in collect(worker)[1][1].error.message


def test_a_long_prompt_is_told_of_as_it_is_read(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load(n_batch=32, n_ubatch=32)
    prompt = [1, *[403] * 99]
    worker.send(
        Generate(request_id=1, prompt=prompt, max_tokens=2, sampling=Sampling(temperature=0), wants_progress=True)
    )
    deltas, _ = collect(worker)
    told = [delta.progress for delta in deltas[1] if delta.progress is not None]
    assert len(told) >= 4
    assert [each.n_read for each in told] == sorted({each.n_read for each in told})
    assert (told[-1].n_read, told[-1].n_prompt_tokens, told[-1].n_cached) == (100, 100, 0)


def test_an_answer_ends_when_its_time_is_over_and_it_has_a_line(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load()
    worker.send(
        story(1, "Once upon", max_tokens=200, max_decode_s=0.0, ignore_eos=True),
        story(2, "Once upon", max_tokens=200, ignore_eos=True),
    )
    _, ends = collect(worker, 2)
    assert ends[1].usage.n_completion_tokens < ends[2].usage.n_completion_tokens
    assert ends[1].finish_reason == "length"
