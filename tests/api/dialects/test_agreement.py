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


@pytest.mark.parametrize("model", MODELS)
def test_the_tokens_and_their_scores_are_the_same(front: RunningServer, model: str) -> None:
    """Whole, for those dialects that tell them: the likeliest ones of a memorized answer, which is no near tie."""
    question = QUESTIONS["plain"]
    prompt = front.http.post("/apply-template", json=CHAT.body(question) | {"model": LOCAL}).json()["prompt"]
    messages = [{"role": "user", "content": question.text}]
    common = {"model": model, "temperature": 0, "stream": False}
    chat = common | {"messages": messages, "max_tokens": 4, "logprobs": True, "top_logprobs": 1}
    item = common | {"input": question.text, "max_output_tokens": 4, "top_logprobs": 1, "store": False}
    item |= {"include": ["message.output_text.logprobs"]}
    ollama = {"model": model, "messages": messages, "options": {"temperature": 0, "num_predict": 4}, "stream": False}
    ollama |= {"logprobs": True, "top_logprobs": 1}
    text = common | {"prompt": prompt, "max_tokens": 4, "n_predict": 4, "logprobs": 1, "n_probs": 1}
    answers = {
        path: front.http.post(path, json=body).json()
        for path, body in (
            *(("/v1/chat/completions", chat), ("/v1/responses", item), ("/api/chat", ollama)),
            *(("/v1/completions", text), ("/completion", text)),
        )
    }
    scores = {
        "chat": answers["/v1/chat/completions"]["choices"][0]["logprobs"]["content"],
        "responses": answers["/v1/responses"]["output"][0]["content"][0]["logprobs"],
        "ollama": answers["/api/chat"]["logprobs"],
        "llama-server": answers["/completion"]["completion_probabilities"],
    }
    tokens = {name: [each["token"] for each in told] for name, told in scores.items()}
    tokens["completions"] = answers["/v1/completions"]["choices"][0]["logprobs"]["tokens"]
    assert len(tokens["chat"]) == 4 and all(told == tokens["chat"] for told in tokens.values()), tokens
