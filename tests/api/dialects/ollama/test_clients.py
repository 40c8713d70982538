"""Ollama's own client for Python, unmodified: 0.2 MB, in the extra [test]. Without it these tests are skipped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import EMBEDDING, TINY, RunningServer

ollama = pytest.importorskip("ollama")

MESSAGES = [{"role": "user", "content": "Once upon a time"}]
GREEDY = {"temperature": 0, "num_predict": 8}


@pytest.fixture
def theirs(server: RunningServer) -> Any:
    return ollama.Client(host=server.url)


def test_chat_and_generate_stream_what_they_say_whole(theirs: Any) -> None:
    whole = theirs.chat(TINY, MESSAGES, options=GREEDY)
    parts = list(theirs.chat(TINY, MESSAGES, options=GREEDY, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert (whole.done_reason, whole.eval_count, parts[-1].eval_count) == ("length", 8, 8)
    text = theirs.generate(TINY, "Once upon a time", options=GREEDY)
    pieces = theirs.generate(TINY, "Once upon a time", options=GREEDY, stream=True)
    assert "".join(piece.response for piece in pieces) == text.response == whole.message.content


def test_a_schema_binds_the_answer(theirs: Any) -> None:
    properties = {"yes": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "required": ["yes"], "additionalProperties": False}
    answer = theirs.chat(TINY, MESSAGES, format=schema, options={"temperature": 0})
    assert answer.message.content in ('{"yes": true}', '{"yes": false}')


def test_models_are_listed_shown_and_seen_running(theirs: Any) -> None:
    listed = {model.model: model for model in theirs.list().models}
    assert listed[f"{TINY}:latest"].size > 0
    shown = theirs.show(TINY)
    assert (shown.capabilities, shown.modelinfo["general.architecture"]) == (["completion"], "llama")
    theirs.generate(TINY, "")
    assert f"{TINY}:latest" in [model.model for model in theirs.ps().models]


def test_vectors_come_in_both_ways(theirs: Any) -> None:
    assert len(theirs.embed(EMBEDDING, ["a", "b"]).embeddings) == 2
    assert len(theirs.embeddings(EMBEDDING, "a").embedding) == 64


def test_errors_are_raised_with_their_status(theirs: Any) -> None:
    with pytest.raises(ollama.ResponseError, match="not found, try pulling it first") as caught:
        theirs.chat("nope", MESSAGES)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as caught:
        list(theirs.chat(TINY, MESSAGES * 500, stream=True))
    assert caught.value.status_code == 400
    for change in (lambda: theirs.delete(TINY), lambda: theirs.copy(TINY, "b"), lambda: theirs.push(TINY)):
        with pytest.raises(ollama.ResponseError) as caught:
            change()
        assert caught.value.status_code == 403


def test_a_pull_shows_its_progress(theirs: Any) -> None:
    assert [step.status for step in theirs.pull(TINY, stream=True)] == ["pulling manifest", "success"]
