"""The same question gets the same answer through every dialect, of every kind of entry, streamed or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.dialects.asking import CHAT, SPEECHES, Heard, Question, Speech
from tests.conftest import RunningServer

LOCAL = "demo"
MODELS = (LOCAL, "demo:pirate", "either", "far")
QUESTIONS = {
    "plain": Question("What is lsrv?"),
    "thinking": Question("What is 2 plus 3?", thinks=True),
    "calling": Question("What is the weather in Paris?", has_tool=True),
}


@pytest.fixture(scope="module")
def near() -> Iterator[RunningServer]:
    """The demo, which thinks and calls."""
    context = {"context_length": 512, "slots": 2}
    models = [{"model_id": "lsrv-demo", "alias": [LOCAL], "context": context}]
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": models}, {})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def front(near: RunningServer) -> Iterator[RunningServer]:
    """An entry of each kind, and all of them the same model."""
    pirate = {"name": "pirate", "source": "lsrv-demo-pirate"}
    local = {"model_id": "lsrv-demo", "alias": [LOCAL], "adapters": [pirate], "context": {"context_length": 512}}
    local["device"] = {"threads": 1, "threads_batch": 1}
    far = {"model_id": "far", "kind": "upstream", "upstream": {"base_url": near.url, "model": LOCAL}}
    routes = [{"model_id": "either", "split": [{"model": LOCAL, "weight": 1}]}]
    settings = {"server": {"port": 0, "spare_workers": 0}, "models": [local, far], "routes": routes}
    running = RunningServer(settings, {})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def heard_in_chat(front: RunningServer) -> dict[tuple[str, str], Heard]:
    """What OpenAI's chat says, by model and question."""
    return {
        (model, name): CHAT.ask(front.http, model, question, stream=False)
        for model in MODELS
        for name, question in QUESTIONS.items()
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("speech", SPEECHES, ids=[speech.name for speech in SPEECHES])
def test_every_dialect_gives_the_same_answer(
    front: RunningServer,
    heard_in_chat: dict[tuple[str, str], Heard],
    speech: Speech,
    model: str,
    stream: bool,
) -> None:
    for name, question in _asked(front, speech):
        assert speech.ask(front.http, model, question, stream=stream) == heard_in_chat[model, name], name


def _asked(front: RunningServer, speech: Speech) -> Iterator[tuple[str, Question]]:
    """What the dialect can ask; as the text that the chat becomes, where it has no chats."""
    for name, question in QUESTIONS.items():
        needed = {"chat", *(["thinks"] if question.thinks else []), *(["calls"] if question.has_tool else [])}
        if needed <= speech.can:
            yield name, question
        elif not speech.can and name == "plain":
            body = CHAT.body(question) | {"model": LOCAL}
            prompt = front.http.post("/apply-template", json=body).json()["prompt"]
            yield name, Question(question.text, prompt)


def test_the_questions_are_about_all_that_answers_have(heard_in_chat: dict[tuple[str, str], Heard]) -> None:
    for model in MODELS:
        assert heard_in_chat[model, "plain"].text
        assert heard_in_chat[model, "thinking"].thoughts
    assert heard_in_chat[LOCAL, "calling"].calls == heard_in_chat["far", "calling"].calls != ()
