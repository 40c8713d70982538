"""Calls of tools beside what else a request may have: guesses, adapters, others of the same request."""

from __future__ import annotations

from pathlib import Path

import jsonschema
from msgspec.structs import replace

from lsrv.protocol.commands import AdapterChoice, AdapterFile, Generate, Sampling
from lsrv.protocol.events import Finished
from tests.chat.templates.published import published
from tests.models.lora import write_lora
from tests.worker.conftest import StartWorker
from tests.worker.test_tools import SCHEMA, answer, asking, called, tools
from tests.worker.test_worker import collect

TEMPLATE = published("Qwen-Qwen2.5-7B-Instruct")


def greedy(request_id: int, **options: object) -> Generate:
    return replace(asking(request_id, tools(n=2), **options), sampling=Sampling(temperature=0.0))


def test_guessed_tokens_change_no_call(start_worker: StartWorker) -> None:
    plain, guessing = start_worker(), start_worker()
    plain.load(n_ctx_seq=2048, chat_template=TEMPLATE)
    guessing.load(n_ctx_seq=2048, chat_template=TEMPLATE, speculation="lookup")
    expected = answer(plain, greedy(1))
    predicted = '{"name": "look-0.up", "arguments": {"what": "'
    found = answer(guessing, replace(greedy(1), prediction=predicted))
    assert called(found) == called(expected) and found.complaint == ""
    for seed in range(2, 5):
        [(_, arguments)] = called(answer(guessing, asking(seed, tools(n=2))))
        jsonschema.validate(arguments, SCHEMA)


def test_calls_are_bound_with_adapters_and_without_side_by_side(start_worker: StartWorker, tmp_path: Path) -> None:
    worker = start_worker()
    adapter = AdapterFile("loud", str(write_lora(tmp_path / "loud.gguf", 1)))
    worker.load(n_ctx_seq=2048, chat_template=TEMPLATE, adapters=[adapter])
    loud = replace(asking(1, tools(n=2)), adapters=[AdapterChoice("loud", 1.0)])
    worker.send(loud, asking(2, tools(n=2)))
    for end in collect(worker, 2)[1].values():
        assert isinstance(end, Finished), end
        [(_, arguments)] = called(end)
        jsonschema.validate(arguments, SCHEMA)


def test_answers_of_one_request_share_a_grammar_and_each_has_its_own_calls(start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.load(n_ctx_seq=2048, n_slots=4, chat_template=TEMPLATE)
    worker.send(*(replace(asking(seed, tools(n=2)), call_id=7) for seed in range(1, 5)))
    ends = collect(worker, 4)[1]
    calls = [called(end) for end in ends.values() if isinstance(end, Finished)]
    assert [len(each) for each in calls] == [1, 1, 1, 1]
    assert len({repr(each) for each in calls}) > 1
    for [(_, arguments)] in calls:
        jsonschema.validate(arguments, SCHEMA)
