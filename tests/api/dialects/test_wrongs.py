"""What goes wrong goes wrong in each dialect's own words and status: the table is here, whoever raised the error."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import pytest

from tests.api.dialects.asking import SPEECHES, Question, Speech, events
from tests.api.reference.described import assert_described
from tests.conftest import TINY, RunningServer, StartServer, copies_of_stories, wait_until
from tests.upstream_server import UpstreamServer

KEY = "a-key-of-this-server"
QUESTION = Question("Once upon a time", "Once upon a time")
LONG = Question("word " * 2000, "word " * 2000)

# By dialect: how an error is read (its word), and what is told: status, and word.
Told = tuple[int, str]
OPENAI: dict[str, Told] = {
    "no JSON": (400, "invalid_request"),
    "no object": (400, "invalid_request"),
    "no model": (404, "model_not_found"),
    "no key": (401, "invalid_api_key"),
    "overflow": (400, "context_length_exceeded"),
    "overflow far": (400, "context_length_exceeded"),
    "busy": (429, "queue_full"),
    "crash": (503, "worker_"),
    "drain": (503, "draining"),
    "stopped": (503, "draining"),
}
ANTHROPIC: dict[str, Told] = {
    "no JSON": (400, "invalid_request_error"),
    "no object": (400, "invalid_request_error"),
    "no model": (404, "not_found_error"),
    "no key": (401, "authentication_error"),
    "overflow": (400, "invalid_request_error"),
    "overflow far": (400, "invalid_request_error"),
    "busy": (529, "overloaded_error"),
    "crash": (503, "api_error"),
    "drain": (529, "overloaded_error"),
    "stopped": (529, "overloaded_error"),
}
OLLAMA: dict[str, Told] = {
    "no JSON": (400, "The body is not valid JSON"),
    "no object": (400, "The body does not fit this route"),
    "no model": (404, 'model "nobody" not found, try pulling it first'),
    "no key": (401, "This server needs a key"),
    "overflow": (400, "This model's maximum context length is 512 tokens"),
    "overflow far": (400, "This model's maximum context length is 512 tokens"),
    "busy": (503, "which is all its queue takes"),
    "crash": (503, " died "),
    "drain": (503, "The server is shutting down."),
    "stopped": (503, "the server is stopping"),
}
LLAMA_SERVER: dict[str, Told] = {
    "no JSON": (400, "invalid_request_error"),
    "no object": (400, "invalid_request_error"),
    "no model": (404, "not_found_error"),
    "no key": (401, "authentication_error"),
    "overflow": (400, "exceed_context_size_error"),
    "overflow far": (400, "exceed_context_size_error"),
    "busy": (429, "unavailable_error"),
    "crash": (503, "unavailable_error"),
    "drain": (503, "unavailable_error"),
    "stopped": (503, "unavailable_error"),
}


def openai_word(body: Any) -> str:
    assert body["error"].keys() >= {"message", "type", "param", "code"}
    return body["error"]["code"]


def anthropic_word(body: Any) -> str:
    assert (body["type"], bool(body["request_id"])) == ("error", True)
    return body["error"]["type"]


def ollama_word(body: Any) -> str:
    assert body.keys() == {"error"}
    return body["error"]


def llama_word(body: Any) -> str:
    assert body["error"].keys() >= {"message", "type", "code"}
    return body["error"]["type"]


Reader = Callable[[Any], str]
SHAPES: dict[str, tuple[dict[str, Told], Reader]] = {
    "messages": (ANTHROPIC, anthropic_word),
    "ollama chat": (OLLAMA, ollama_word),
    "ollama generate": (OLLAMA, ollama_word),
    "ollama raw": (OLLAMA, ollama_word),
    "llama-server": (LLAMA_SERVER, llama_word),
}
EACH_DIALECT = pytest.mark.parametrize("speech", SPEECHES, ids=[speech.name for speech in SPEECHES])
EACH_WAY = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def assert_told(speech: Speech, wrong: str, answer: httpx.Response) -> None:
    told, word = SHAPES.get(speech.name, (OPENAI, openai_word))
    status, expected = told[wrong]
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    assert expected in word(answer.json())
    assert_described("POST", speech.path, answer.json(), status=status)


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamServer]:
    with UpstreamServer() as running:
        yield running


@pytest.fixture(scope="module")
def guarded(
    server: RunningServer, upstream: UpstreamServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server with a key: a model here, the same far away, and two that answer when the test lets them."""
    models = copies_of_stories(tmp_path_factory.mktemp("models"))[:1]
    models[0] |= {"max_concurrency": 64}
    for name, settings in (("far", {"base_url": server.url, "model": TINY}), *_waiting(upstream)):
        models.append({"model_id": name, "kind": "upstream", "upstream": settings, "queue": 0})
    running = RunningServer({"server": {"port": 0, "spare_workers": 0, "api_keys": [KEY]}, "models": models}, {})
    running.http.headers["authorization"] = f"Bearer {KEY}"
    yield running
    running.stop()


def _waiting(upstream: UpstreamServer) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "held", {"base_url": upstream.base_url("waiting")}
    yield "narrow", {"base_url": upstream.base_url("waiting"), "max_concurrency": 1}


def n_running(server: RunningServer, model: str) -> int:
    listed = server.http.get("/v1/models").json()["data"]
    return next(each["meta"]["n_running"] for each in listed if each["id"] == model)


@EACH_DIALECT
@EACH_WAY
def test_what_a_client_does_wrong_is_told_in_its_own_words(
    guarded: RunningServer, speech: Speech, stream: bool
) -> None:
    http, headers = guarded.http, dict(speech.headers) | {"content-type": "application/json"}
    assert_told(speech, "no JSON", http.post(speech.path, content=b'{"model": ', headers=headers))
    assert_told(speech, "no object", http.post(speech.path, content=b'["model"]', headers=headers))
    assert_told(speech, "no model", speech.send(http, "nobody", QUESTION, stream=stream))
    assert_told(speech, "overflow", speech.send(http, TINY, LONG, stream=stream))
    assert_told(speech, "overflow far", speech.send(http, "far", LONG, stream=stream))
    with httpx.Client(base_url=guarded.url) as stranger:
        assert_told(speech, "no key", speech.send(stranger, TINY, QUESTION, stream=stream))


def test_a_model_that_has_no_room_says_so_in_every_dialect(guarded: RunningServer, upstream: UpstreamServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(SPEECHES[0].send, guarded.http, "narrow", QUESTION)
        wait_until(lambda: n_running(guarded, "narrow") == 1)
        for speech in SPEECHES:
            for stream in (False, True):
                assert_told(speech, "busy", speech.send(guarded.http, "narrow", QUESTION, stream=stream))
        upstream.script.gate.release()
        assert first.result().status_code == 200


def test_a_model_whose_workers_die_is_told_in_every_dialect(guarded: RunningServer) -> None:
    """One death before any text is made up for by another worker, so that all of them have to die."""
    guarded.http.post("/v1/models/load", json={"model_id": TINY})
    (worker,) = guarded.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    asked = [(speech, stream) for speech in SPEECHES for stream in (False, True)]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = [pool.submit(speech.send, guarded.http, TINY, QUESTION, stream=stream) for speech, stream in asked]
        wait_until(lambda: n_running(guarded, TINY) == len(asked))
        wait_until(lambda: _kill_workers(guarded) and all(answer.done() for answer in answers))
    for (speech, stream), answer in zip(asked, answers, strict=True):
        assert_ended(speech, "crash", answer.result(), stream=stream)


def _kill_workers(server: RunningServer) -> bool:
    for pid in server.worker_pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


def assert_ended(speech: Speech, wrong: str, answer: httpx.Response, *, stream: bool) -> None:
    """By a status; a stream that had begun meanwhile, for it had to wait long, by an event of the same words."""
    if answer.status_code != 200:
        assert_told(speech, wrong, answer)
        return
    assert stream, answer.text
    told, word = SHAPES.get(speech.name, (OPENAI, openai_word))
    body = events(answer.text)[-1]
    assert told[wrong][1] in (body["code"] if speech.name == "responses" else word(body))


@EACH_DIALECT
@EACH_WAY
def test_a_client_of_any_dialect_that_leaves_frees_its_place(
    guarded: RunningServer, speech: Speech, stream: bool
) -> None:
    body = json.dumps({"model": "held", "stream": stream} | speech.body(QUESTION)).encode()
    head = f"POST {speech.path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((guarded.host, guarded.port), timeout=30) as client:
        client.sendall(head.encode() + body)
        wait_until(lambda: n_running(guarded, "held") == 1)
    wait_until(lambda: n_running(guarded, "held") == 0)


def test_a_server_that_stops_says_so_in_every_dialect(start_server: StartServer) -> None:
    """To those who come, and to those who have waited so long that their streams have begun with comments."""
    with UpstreamServer() as upstream:
        entry = {"model_id": "held", "kind": "upstream", "upstream": {"base_url": upstream.base_url("waiting")}}
        stopping = start_server(server={"drain_timeout": "4s"}, models=[entry])
        with ThreadPoolExecutor(len(SPEECHES)) as pool:
            waiting = [pool.submit(each.send, stopping.http, "held", QUESTION, stream=True) for each in SPEECHES]
            wait_until(lambda: n_running(stopping, "held") == len(SPEECHES))
            stopping.signal(signal.SIGTERM)
            wait_until(lambda: stopping.http.get("/readyz").json()["status"] == "draining")
            for speech in SPEECHES:
                assert_told(speech, "drain", speech.send(stopping.http, "held", QUESTION))
            for speech, answer in zip(SPEECHES, waiting, strict=True):
                assert_ended(speech, "stopped", answer.result(), stream=True)
