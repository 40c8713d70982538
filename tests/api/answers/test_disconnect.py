"""A client that leaves frees its place at once, whatever its request was doing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.conftest import TINY, RunningServer, StartServer, copies_of_stories, wait_until


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose model takes one request at a time, and lets two wait."""
    model = copies_of_stories(tmp_path_factory.mktemp("models"))[0]
    model |= {"max_concurrency": 1, "queue": 2, "context": {"context_length": 100_000, "slots": 1}}
    running = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": [model]}, {})
    running.http.post("/v1/models/load", json={"model_id": TINY})
    yield running
    running.stop()


def send(server: RunningServer, path: str = "/v1/completions", **body: Any) -> socket.socket:
    """A request on its way; the caller closes the socket."""
    content = json.dumps({"model": TINY, "prompt": "Once", "ignore_eos": True} | body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(content)}\r\n\r\n"
    sock = socket.create_connection((server.host, server.port), timeout=30)
    sock.sendall(head.encode() + content)
    return sock


def running(server: RunningServer) -> float:
    return server.metric("lsrv_requests_running")


def waiting(server: RunningServer) -> float:
    return server.metric("lsrv_requests_waiting")


def is_free(server: RunningServer) -> bool:
    return running(server) == waiting(server) == server.metric("lsrv_slots_busy") == 0


@pytest.mark.parametrize("is_streaming", [True, False])
def test_a_client_that_leaves_while_its_answer_is_made_frees_the_slot(
    narrow: RunningServer, is_streaming: bool
) -> None:
    sock = send(narrow, stream=is_streaming, max_tokens=90_000)
    wait_until(lambda: running(narrow) == 1)
    sock.close()
    wait_until(lambda: is_free(narrow), deadline_s=5)
    narrow.http.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}).raise_for_status()


def test_a_client_that_leaves_the_queue_gives_its_place_to_the_next(narrow: RunningServer) -> None:
    first = send(narrow, max_tokens=90_000)
    wait_until(lambda: running(narrow) == 1)
    second, third = send(narrow, max_tokens=1), send(narrow, max_tokens=1)
    wait_until(lambda: waiting(narrow) == 2)
    second.close()
    wait_until(lambda: waiting(narrow) == 1)
    first.close()
    assert third.recv(65536).startswith(b"HTTP/1.1 200")
    third.close()
    wait_until(lambda: is_free(narrow))


def test_a_full_queue_is_a_429_with_retry_after(narrow: RunningServer) -> None:
    socks = [send(narrow, max_tokens=90_000) for _ in range(3)]
    wait_until(lambda: running(narrow) + waiting(narrow) == 3)
    answer = narrow.http.post("/v1/completions", json={"prompt": "a", "stream": True})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"]["code"] == "queue_full"
    assert "x-should-retry" not in answer.headers
    for sock in socks:
        sock.close()
    wait_until(lambda: is_free(narrow))


def test_a_client_that_leaves_while_its_model_loads_cancels_the_load(start_server: StartServer) -> None:
    own = start_server()
    sock = send(own, max_tokens=1)
    wait_until(lambda: own.http.get(f"/v1/models/{TINY}").json()["status"] == "reloading")
    sock.close()
    wait_until(lambda: own.http.get(f"/v1/models/{TINY}").json()["status"] == "unloaded")
    wait_until(lambda: not own.worker_pids())


@pytest.mark.parametrize("is_streaming", [True, False])
def test_a_client_that_left_is_counted_as_499(narrow: RunningServer, is_streaming: bool) -> None:
    n_before = narrow.metric("lsrv_requests_total", status="499")
    sock = send(narrow, max_tokens=90_000, stream=is_streaming)
    wait_until(lambda: running(narrow) == 1)
    sock.close()
    wait_until(lambda: narrow.metric("lsrv_requests_total", status="499") == n_before + 1)


def test_a_client_that_leaves_within_its_body_is_no_error_of_the_server(narrow: RunningServer) -> None:
    n_before = narrow.metric("lsrv_requests_total", status="499")
    with socket.create_connection((narrow.host, narrow.port)) as sock:
        sock.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
    wait_until(lambda: narrow.metric("lsrv_requests_total", status="499") == n_before + 1)
    assert "Traceback" not in narrow.log


def test_a_stream_that_waits_long_for_its_model_says_so_in_comments(start_server: StartServer) -> None:
    own = start_server(server={"spare_workers": 1})
    # Not before it is counted: to stop a child that has not become another program yet stops its parent, too.
    wait_until(lambda: own.http.get("/admin/status").json()["n_spare_workers"] == 1)
    spare = psutil.Process(own.worker_pids()[0])
    spare.suspend()
    with send(own, stream=True, max_tokens=1) as sock:
        beginning = read_until(sock, b"\n: ")
        spare.resume()
        read_until(sock, b"[DONE]")
    assert beginning.startswith(b"HTTP/1.1 200")


def read_until(sock: socket.socket, mark: bytes) -> bytes:
    """What comes until `mark` has come."""
    received = b""
    while mark not in received:
        data = sock.recv(65536)
        assert data, "the server has closed the connection"
        received += data
    return received
