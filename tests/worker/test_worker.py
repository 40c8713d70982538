from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsrv.protocol.commands import (
    Abort,
    AdapterFile,
    Detokenize,
    Embed,
    Generate,
    Grammar,
    Load,
    LoadParams,
    Sampling,
    Stop,
    Tokenize,
    Unload,
)
from lsrv.protocol.events import (
    Accepted,
    Delta,
    Detokenized,
    Embedded,
    Event,
    Failed,
    Finished,
    Heartbeat,
    LoadFailed,
    Step,
    Tokenized,
    Unloaded,
)
from lsrv.registry.workers.memory import anonymous_bytes
from tests.models import STORIES
from tests.models.lora import write_lora
from tests.worker.conftest import StartWorker, WorkerUnderTest

GREEDY = Sampling(temperature=0)
TEMPLATE = "{% for m in messages %}{{ m.content }} {% endfor %}"


def story(request_id: int, prompt: str = "Once upon a time", **options: object) -> Generate:
    given: dict[str, object] = {"prompt": prompt, "max_tokens": 20, "sampling": GREEDY}
    return Generate(request_id=request_id, **(given | options))


Ends = dict[int, Finished | Failed]


def collect(worker: WorkerUnderTest, n_requests: int = 1) -> tuple[dict[int, list[Delta]], Ends]:
    """Deltas by request, and the end of each, until `n_requests` have ended."""
    deltas: dict[int, list[Delta]] = {}
    ends: Ends = {}
    while len(ends) < n_requests:
        event = worker.next()
        if isinstance(event, Failed):
            ends[event.request_id] = event
        if isinstance(event, Step):
            for delta in event.deltas:
                deltas.setdefault(delta.request_id, []).append(delta)
            ends |= {finished.request_id: finished for finished in event.finished}
    return deltas, ends


def finished_text(worker: WorkerUnderTest, command: Generate) -> str:
    worker.send(command)
    deltas, ends = collect(worker)
    end = ends[command.request_id]
    assert isinstance(end, Finished)
    return "".join(delta.text for delta in deltas.get(command.request_id, [])) + end.text


def failure(worker: WorkerUnderTest) -> Failed:
    event = worker.next()
    assert isinstance(event, Failed)
    return event


def test_a_stream_is_accepted_written_and_finished_once(worker: WorkerUnderTest) -> None:
    worker.send(story(1))
    assert worker.next() == Accepted(1, 5)
    deltas, ends = collect(worker)
    end = ends[1]
    assert isinstance(end, Finished)
    assert (end.finish_reason, end.usage.n_completion_tokens, end.usage.n_prompt_tokens) == ("length", 20, 5)
    assert ("".join(delta.text for delta in deltas[1]) + end.text).startswith(", there was a little girl")
    assert deltas[1]


def test_acceptance_and_first_text_come_in_one_piece(worker: WorkerUnderTest) -> None:
    worker.send(story(1))
    assert worker.next() == Accepted(1, 5)
    assert worker.n_unread, "a second write wakes the parent once more"


def test_what_is_aborted_before_its_first_step_was_accepted(worker: WorkerUnderTest) -> None:
    worker.send(story(1), Abort(1))
    assert worker.next() == Accepted(1, 5)
    assert isinstance(ended := worker.next(), Step)
    assert [end.finish_reason for end in ended.finished] == ["abort"]


def test_not_streaming_gives_the_same_text_in_one_event(worker: WorkerUnderTest) -> None:
    streamed = finished_text(worker, story(1))
    worker.send(story(2, is_streaming=False))
    deltas, ends = collect(worker)
    end = ends[2]
    assert isinstance(end, Finished)
    assert (deltas, end.text) == ({}, streamed)


def test_more_requests_than_slots_are_all_answered(worker: WorkerUnderTest) -> None:
    worker.send(*(story(i) for i in range(10)))
    _, ends = collect(worker, 10)
    assert all(isinstance(end, Finished) for end in ends.values())


def test_an_abort_ends_with_one_finished_event_and_frees_the_slot(worker: WorkerUnderTest) -> None:
    endless = {"max_tokens": 240, "ignore_eos": True}
    worker.send(story(1, **endless), story(2, **endless), story(3))
    while not isinstance(worker.next(), Step):
        pass
    worker.send(Abort(1))
    _, ends = collect(worker, 3)
    first = ends[1]
    assert isinstance(first, Finished)
    assert first.finish_reason == "abort"
    worker.send(Abort(1), Tokenize(request_id=9, text="a"))
    assert isinstance(worker.next(), Tokenized)  # aborting what has ended says nothing


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(worker: WorkerUnderTest) -> None:
    worker.send(story(1, "word " * 500))
    error = failure(worker).error
    assert error.code == "context_length_exceeded"
    assert error.fields == {"n_prompt_tokens": 1502, "n_ctx": 256}


def test_without_max_tokens_the_answer_fills_the_context(worker: WorkerUnderTest) -> None:
    worker.send(story(1, max_tokens=None, ignore_eos=True, is_streaming=False))
    _, ends = collect(worker)
    end = ends[1]
    assert isinstance(end, Finished)
    assert (end.finish_reason, end.usage.n_prompt_tokens + end.usage.n_completion_tokens) == ("length", 256)


@pytest.mark.parametrize(
    ("command", "param"),
    [
        (Generate(request_id=1, prompt=[1, 99999]), "prompt"),
        (Generate(request_id=1, prompt=[-1]), "prompt"),
        (Generate(request_id=1, prompt="a", sampling=Sampling(logit_bias={512: 1.0})), "logit_bias"),
        (Detokenize(request_id=1, tokens=[512]), "tokens"),
        (Embed(request_id=1, inputs=["a"]), "model"),
    ],
)
def test_what_cannot_be_served_is_refused_and_names_the_parameter(
    worker: WorkerUnderTest, command: Generate | Detokenize | Embed, param: str
) -> None:
    worker.send(command)
    assert failure(worker).error.param == param
    assert finished_text(worker, story(2))


def test_an_empty_prompt_starts_from_nothing(worker: WorkerUnderTest) -> None:
    assert finished_text(worker, story(1, ""))
    assert finished_text(worker, Generate(request_id=2, prompt=[], max_tokens=5, sampling=GREEDY))


def test_echo_puts_the_prompt_in_front(worker: WorkerUnderTest) -> None:
    assert finished_text(worker, story(1, is_echoing=True)).startswith("Once upon a time, there was")


def test_tokens_become_text_again(worker: WorkerUnderTest) -> None:
    worker.send(Tokenize(request_id=1, text="The dog ran, ü!", add_special=False))
    tokenized = worker.next()
    assert isinstance(tokenized, Tokenized)
    assert b"".join(tokenized.pieces).decode().strip() == "The dog ran, ü!"
    worker.send(Detokenize(request_id=2, tokens=tokenized.tokens))
    detokenized = worker.next()
    assert isinstance(detokenized, Detokenized)
    assert detokenized.text.strip() == "The dog ran, ü!"


def test_a_template_given_at_load_makes_chats_possible(start_worker: StartWorker) -> None:
    worker = start_worker()
    assert worker.load(chat_template=TEMPLATE).info.has_chat_template
    chat = Generate(request_id=1, messages=[{"role": "user", "content": "Once upon a"}], max_tokens=20, sampling=GREEDY)
    assert finished_text(worker, chat)


def test_an_embedding_model_gives_float32_vectors_and_writes_no_text(start_worker: StartWorker) -> None:
    worker = start_worker()
    info = worker.load(is_embedding=True).info
    assert (info.can_generate, info.can_embed, info.pooling) == (False, True, "mean")
    worker.send(Embed(request_id=1, inputs=["a dog", [1, 5, 7]]))
    embedded = worker.next()
    assert isinstance(embedded, Embedded)
    assert all(len(struct.unpack(f"<{info.n_embd}f", vector)) == 64 for vector in embedded.vectors)
    worker.send(story(2))
    assert failure(worker).error.code == "capability_not_supported"


def test_heartbeats_come_while_idle_and_count_the_work(worker: WorkerUnderTest) -> None:
    finished_text(worker, story(1))
    event: Event = worker.next(has_heartbeats=True)
    while not (isinstance(event, Heartbeat) and event.n_decode_tokens):
        event = worker.next(has_heartbeats=True)
    assert (event.n_decode_tokens, event.n_prefill_tokens, event.n_slots_busy) == (19, 5, 0)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model at all" * 100])
def test_a_bad_file_is_reported_with_llama_cpps_words_and_ends_the_worker(
    start_worker: StartWorker, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    worker = start_worker()
    worker.send(Load(LoadParams(model_path=str(path))))
    failed = worker.next()
    assert isinstance(failed, LoadFailed)
    assert (failed.error.code, bool(failed.error.fields["log"])) == ("model_load_failed", True)
    assert worker.process.wait(30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not enforced elsewhere")
def test_a_context_that_memory_cannot_hold_is_refused_with_a_mend(start_worker: StartWorker) -> None:
    worker = start_worker("prlimit", f"--as={2 << 30}")
    worker.send(Load(LoadParams(model_path=str(STORIES), n_ctx_seq=1 << 22, n_slots=1)))
    while not isinstance(event := worker.next(), LoadFailed):
        pass
    assert "lower context_length" in event.error.message


def test_a_broken_template_fails_the_load(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.send(Load(LoadParams(model_path=str(STORIES), n_ctx_seq=256, chat_template="{% if %}")))
    while not isinstance(event := worker.next(), LoadFailed):
        pass
    assert "set chat_template" in event.error.message


def test_stop_ends_the_process(worker: WorkerUnderTest) -> None:
    worker.send(Stop())
    assert worker.process.wait(30) == 0


def test_an_unloaded_model_leaves_a_worker_for_the_next_one_and_none_of_its_memory(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker()
    bare_bytes = anonymous_bytes(worker.process.pid)
    adapter = AdapterFile("loud", str(write_lora(tmp_path / "loud.gguf", 1)))
    texts: list[str] = []
    for n_slots in (200, 100, 200):
        draft: dict[str, object] = {"speculation": "draft", "draft_path": str(STORIES)}
        memory = worker.load(n_slots=n_slots, n_ctx_seq=512, adapters=[adapter], **draft).info.memory
        texts.append(finished_text(worker, story(1)))
        worker.send(story(2, max_tokens=400, ignore_eos=True))  # still running when its model goes
        worker.send(story(3, grammar=Grammar("json_schema", '{"type": "object"}', "response_format")))  # and this waits
        worker.send(Unload())
        while not isinstance(worker.next(), Unloaded):
            pass
        kept_bytes = anonymous_bytes(worker.process.pid) - bare_bytes
        assert kept_bytes < 4_000_000 < memory.kv_bytes
    assert len(set(texts)) == 1


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_worker_whose_parent_hangs_up_is_gone(start_worker: StartWorker, is_loaded: bool) -> None:
    worker = start_worker()
    if is_loaded:
        worker.load()
        worker.send(story(1, max_tokens=240, ignore_eos=True))
        worker.next()
    worker.sock.close()
    assert worker.process.wait(30) == 0


def test_ctrl_c_is_left_to_the_parent(worker: WorkerUnderTest) -> None:
    os.kill(worker.process.pid, signal.SIGINT)
    assert finished_text(worker, story(1))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG and oom_score_adj are Linux")
def test_kill_9_of_the_parent_leaves_no_orphan_and_the_kernel_prefers_workers() -> None:
    parent_code = (
        "import socket, subprocess, sys, time\n"
        "a, b = socket.socketpair()\n"
        "p = subprocess.Popen([sys.executable, '-m', 'lsrv.worker', '--fd', str(b.fileno())], pass_fds=[b.fileno()],"
        " start_new_session=True)\n"
        "a.recv(4)\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker_pid = int(parent.stdout.readline())
    assert Path(f"/proc/{worker_pid}/oom_score_adj").read_text().strip() == "1000"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while _is_alive(worker_pid):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


ENDED = "{% for m in messages %}{{ m.content }}</s>{% endfor %}"
SPELLING = Tokenize(request_id=1, messages=[{"role": "user", "content": "a </s> b"}], wants_pieces=False)


@pytest.mark.parametrize(("has_control_in_text", "n_ends"), [(False, 1), (True, 2)])
def test_a_control_token_that_a_text_spells_out_is_text_unless_asked_for(
    start_worker: StartWorker, has_control_in_text: bool, n_ends: int
) -> None:
    worker = start_worker()
    worker.load(chat_template=ENDED, has_control_in_text=has_control_in_text)
    worker.send(SPELLING)
    tokenized = worker.next()
    assert isinstance(tokenized, Tokenized)
    assert tokenized.prompt == "a </s> b</s>"
    assert tokenized.tokens.count(2) == n_ends


@pytest.mark.parametrize("begins", ["{{ bos_token }}", "<s>", ""])
def test_a_chat_begins_with_one_bos(start_worker: StartWorker, begins: str) -> None:
    worker = start_worker()
    worker.load(chat_template=begins + TEMPLATE)
    worker.send(
        Generate(request_id=1, messages=[{"role": "user", "content": "Once"}], max_tokens=1),
        Generate(request_id=2, prompt="<s>Once ", max_tokens=1),
    )
    accepted: list[Accepted] = []
    while len(accepted) < 2:
        event = worker.next()
        accepted += [event] if isinstance(event, Accepted) else []
    assert accepted[0].n_prompt_tokens == accepted[1].n_prompt_tokens


def test_a_model_without_a_chat_template_chats_by_a_plain_one(worker: WorkerUnderTest) -> None:
    worker.send(Tokenize(request_id=1, messages=[{"role": "user", "content": "hi"}], wants_pieces=False))
    tokenized = worker.next()
    assert isinstance(tokenized, Tokenized)
    assert tokenized.prompt == "User: hi\nAssistant:"


def test_a_template_is_chosen_by_its_name(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load(chat_template_name="llama3")
    worker.send(Tokenize(request_id=1, messages=[{"role": "user", "content": "hi"}], wants_pieces=False))
    tokenized = worker.next()
    assert isinstance(tokenized, Tokenized)
    assert tokenized.prompt.startswith("<|start_header_id|>user<|end_header_id|>")


def test_a_name_that_no_template_has_fails_the_load(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.send(Load(LoadParams(model_path=str(STORIES), n_ctx_seq=64, n_slots=1, chat_template_name="no")))
    event = worker.next()
    while not isinstance(event, LoadFailed):
        event = worker.next()
    assert "chat_template_name" in event.error.message
