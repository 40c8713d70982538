"""Workers that die, and a server that is told to stop, in the midst of answers."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from tests.api.answers.test_disconnect import send
from tests.conftest import OTHER, TINY, RunningServer, StartServer, copies_of_stories, wait_until

LONG = {"context": {"context_length": 100_000, "slots": 2}}
CHAT: list[Any] = [{"role": "user", "content": "Once"}]


@pytest.fixture
def two_models(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """A server of your own with TINY and OTHER, able to answer for a long time, TINY being loaded."""
    own = start_server(
        models=[model | LONG for model in copies_of_stories(tmp_path)[:2]], server={"drain_timeout": "1s"}
    )
    own.http.post("/v1/models/load", json={"model_id": TINY})
    return own


def long_stream(server: RunningServer, model: str = TINY) -> Any:
    """A stream of OpenAI's client that has begun and would go on for long."""
    stream = server.openai().chat.completions.create(
        model=model, messages=CHAT, max_tokens=90_000, stream=True, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    return stream


def last_event(sock: socket.socket) -> dict[str, Any]:
    """The last SSE event before the server closes or ends the response."""
    answer = b""
    while not answer.endswith(b"0\r\n\r\n") and (data := sock.recv(65536)):
        answer += data
    event = answer.rpartition(b"data: ")[2].partition(b"\n")[0]
    return json.loads(event)


def test_a_worker_killed_in_a_stream_is_an_error_event_and_no_more(two_models: RunningServer) -> None:
    stream = long_stream(two_models)
    (pid,) = two_models.worker_pids()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.code == "worker_crashed"
    answer = two_models.http.post("/v1/completions", json={"model": TINY, "prompt": "a", "max_tokens": 1})
    assert answer.status_code == 200


def test_a_worker_killed_in_a_stream_leaves_other_models_alone(two_models: RunningServer) -> None:
    two_models.http.post("/v1/models/load", json={"model_id": OTHER})
    pids = {model: _pid(two_models, model) for model in (TINY, OTHER)}
    dying, living = long_stream(two_models, TINY), long_stream(two_models, OTHER)
    os.kill(pids[TINY], signal.SIGKILL)
    with pytest.raises(openai.APIError):
        list(dying)
    assert [next(living).choices[0].finish_reason for _ in range(20)] == [None] * 20
    living.close()


def test_a_worker_killed_during_a_whole_answer_is_replaced_unnoticed(two_models: RunningServer) -> None:
    sock = send(two_models, max_tokens=1000)
    wait_until(lambda: two_models.metric("lsrv_requests_running") == 1)
    os.kill(two_models.worker_pids()[0], signal.SIGKILL)
    assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    sock.close()
    assert two_models.metric("lsrv_worker_crashes_total") == 1


def test_unload_by_force_ends_streams_with_an_error_event(two_models: RunningServer) -> None:
    stream = long_stream(two_models)
    answer = two_models.http.post("/v1/models/unload", json={"model_id": TINY, "force": True})
    assert answer.json()["status"] == "unloaded"
    with pytest.raises(openai.APIError):
        list(stream)


def test_sigterm_lets_running_answers_finish(start_server: StartServer) -> None:
    own = start_server()
    stream = own.openai().chat.completions.create(
        model=TINY, messages=CHAT, max_tokens=300, stream=True, extra_body={"ignore_eos": True}
    )
    chunks = iter(stream)
    next(chunks)
    own.signal(signal.SIGTERM)
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"
    assert own.process.wait(30) == 0


def test_sigterm_refuses_new_requests_with_503_while_it_drains(two_models: RunningServer) -> None:
    long_stream(two_models)
    two_models.signal(signal.SIGTERM)
    wait_until(lambda: two_models.http.get("/readyz").json()["status"] == "draining")
    answer = two_models.http.post("/v1/completions", json={"prompt": "a"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "draining"
    assert int(answer.headers["retry-after"]) >= 1


def test_streams_that_outlast_the_drain_end_with_an_error_event(two_models: RunningServer) -> None:
    socks = [send(two_models, stream=True, max_tokens=90_000) for _ in range(2)]
    wait_until(lambda: two_models.metric("lsrv_requests_running") == 2)
    pids = two_models.worker_pids()
    two_models.signal(signal.SIGTERM)
    for sock in socks:
        assert "error" in last_event(sock)
        sock.close()
    assert two_models.process.wait(30) == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_at_once_with_0(start_server: StartServer, number: signal.Signals) -> None:
    own = start_server()
    own.signal(number)
    assert own.process.wait(10) == 0


def test_a_second_signal_does_not_wait_for_the_drain(start_server: StartServer, tmp_path: Path) -> None:
    models = [model | LONG for model in copies_of_stories(tmp_path)[:1]]
    own = start_server(models=models, server={"drain_timeout": "10m"})
    long_stream(own)
    own.signal(signal.SIGTERM)
    wait_until(lambda: own.http.get("/readyz").json()["status"] == "draining")
    pids = own.worker_pids()
    own.signal(signal.SIGINT)
    assert own.process.wait(20) == 1
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_killing_the_server_leaves_no_worker(two_models: RunningServer) -> None:
    pids = two_models.worker_pids()
    two_models.signal(signal.SIGKILL)
    two_models.process.wait(10)
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), deadline_s=10)


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(server: RunningServer, start_server: StartServer) -> None:
    with pytest.raises(AssertionError) as caught:
        start_server(server={"port": server.port})
    assert f"Port {server.port} on localhost is in use" in str(caught.value)


def test_a_server_without_a_loaded_model_is_small(start_server: StartServer) -> None:
    own = start_server()
    assert psutil.Process(own.process.pid).memory_info().rss < 100e6


def _pid(server: RunningServer, model: str) -> int:
    """The worker of `model`: the one that has its weights open or mapped."""
    path = server.model_path(model)
    for pid in server.worker_pids():
        process = psutil.Process(pid)
        if any(mapped.path == path for mapped in process.memory_maps()):
            return pid
    raise AssertionError(f"no worker has mapped {path}")
