"""What hostile and broken connections do to the server: nothing, and nothing to others."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import RunningServer, StartServer, wait_until

N_CONNECTIONS = 10_000
BODY = b'{"prompt":"a","max_tokens":1}'


@contextlib.contextmanager
def connected(server: RunningServer, timeout_s: float = 30.0) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), timeout=timeout_s) as sock:
        yield sock


def answer_to(server: RunningServer, *parts: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of what the server says to raw bytes, read until it closes."""
    head, body = raw_answer(server, *parts)
    return int(head.split()[1]), json.loads(body)


def raw_answer(server: RunningServer, *parts: bytes) -> tuple[bytes, bytes]:
    """Head and body of the same, as they came."""
    with connected(server) as sock:
        for part in parts:
            sock.sendall(part)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def request(*headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"POST /v1/completions HTTP/1.1", b"host: localhost", b"content-type: application/json", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def assert_well(server: RunningServer) -> None:
    assert server.http.get("/health").json() == {"status": "ok"}


def test_five_megabytes_of_header_are_a_431(server: RunningServer) -> None:
    status, body = answer_to(server, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", b"a" * 5_000_000, b"\r\n\r\n")
    assert status == 431
    assert body["error"]["code"] == "headers_too_large"
    assert_well(server)


def test_a_header_that_never_ends_is_a_431(server: RunningServer) -> None:
    status, _ = answer_to(server, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", b"a" * 200_000)
    assert status == 431


def test_a_url_that_never_ends_is_a_431(server: RunningServer) -> None:
    assert answer_to(server, b"GET /" + b"a" * 200_000)[0] == 431


def test_more_than_100_headers_are_a_431(server: RunningServer) -> None:
    assert answer_to(server, request(*[b"x-%d: a" % i for i in range(101)]))[0] == 431


def test_large_headers_below_the_limit_are_served(server: RunningServer) -> None:
    assert server.http.get("/health", headers={"x": "a" * 60_000}).status_code == 200


def test_content_length_and_transfer_encoding_together_are_a_400(server: RunningServer) -> None:
    both = request(b"content-length: 3", b"transfer-encoding: chunked", body=b"0\r\n\r\n")
    status, body = answer_to(server, both)
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        request(b"content-length: -1"),
        request(b"content-length: 1", b"content-length: 2", body=b"ab"),
        request(b"transfer-encoding: chunked", body=b"zz\r\n"),
    ],
)
def test_what_is_no_http_is_a_400_in_the_one_shape(server: RunningServer, raw: bytes) -> None:
    status, body = answer_to(server, raw)
    assert status == 400
    assert set(body["error"]) == {"message", "type", "param", "code"}


def test_http_1_1_without_a_host_is_a_400(server: RunningServer) -> None:
    assert answer_to(server, b"GET /health HTTP/1.1\r\nconnection: close\r\n\r\n")[0] == 400


def chunked(*headers: bytes, body: bytes, trailers: bytes = b"") -> bytes:
    size = b"%x" % len(body)
    return request(
        b"transfer-encoding: chunked", *headers, body=size + b"\r\n" + body + b"\r\n0\r\n" + trailers + b"\r\n"
    )


def test_trailers_are_let_go_and_the_request_is_served(server: RunningServer) -> None:
    status, answer = answer_to(server, chunked(b"connection: close", body=BODY, trailers=b"checksum: 1\r\n"))
    assert status == 200
    assert answer["object"] == "text_completion"


@pytest.mark.parametrize(
    ("trailers", "status"),
    [(b"authorization: Bearer key\r\n", 401), (b"x-api-key: key\r\nhost: localhost\r\n", 401)],
)
def test_a_key_in_a_trailer_opens_nothing(start_server: StartServer, trailers: bytes, status: int) -> None:
    locked = start_server(server={"api_keys": ["key"]})
    assert answer_to(locked, chunked(b"connection: close", body=BODY, trailers=trailers))[0] == status


def test_an_origin_in_a_trailer_is_no_origin(server: RunningServer) -> None:
    raw = chunked(b"connection: close", b"origin: http://evil.example", body=BODY, trailers=b"origin: http://localhost")
    assert answer_to(server, raw + b"\r\n")[0] == 403


def test_a_host_in_a_trailer_is_no_host(server: RunningServer) -> None:
    raw = chunked(b"connection: close", body=BODY, trailers=b"host: localhost\r\n").replace(
        b"host: localhost\r\n", b"", 1
    )
    assert answer_to(server, raw)[0] == 400


@pytest.mark.parametrize(
    "parts",
    [
        [b"x-%d: a\r\n" % i for i in range(102)],  # many
        [b"x: ", *[b"a" * 1000] * 200],  # one that never ends
        [b"x: " + b"a" * 60_000 + b"\r\n"] * 3,  # large ones
    ],
)
def test_trailers_beyond_the_limits_of_headers_are_a_431(server: RunningServer, parts: list[bytes]) -> None:
    status, answer = answer_to(server, request(b"transfer-encoding: chunked", body=b"1\r\n{\r\n0\r\n"), *parts)
    assert status == 431
    assert answer["error"]["code"] == "headers_too_large"
    assert_well(server)


def test_a_chunk_size_that_never_ends_is_a_431(server: RunningServer) -> None:
    raw = request(b"transfer-encoding: chunked", body=b"1;" + b"a" * 200_000)
    assert answer_to(server, raw)[0] == 431


@pytest.fixture
def hasty(start_server: StartServer) -> RunningServer:
    """A server that waits half a second for anything."""
    return start_server(limits={"header_timeout_s": 0.5, "body_interval_s": 0.5, "write_stall_s": 0.5})


def test_a_silent_connection_is_closed(hasty: RunningServer) -> None:
    with connected(hasty) as sock:
        assert sock.recv(1) == b""


def test_a_header_that_drips_is_a_408(hasty: RunningServer) -> None:
    assert answer_to(hasty, b"GET / HTTP/1.1\r\nx: ")[0] == 408


def test_a_body_that_drips_is_a_408_and_leaves_no_request_behind(hasty: RunningServer) -> None:
    status, body = answer_to(hasty, request(b"content-length: 1000", body=b"{"))
    assert status == 408
    assert body["error"]["code"] == "request_timeout"
    wait_until(lambda: len(hasty.log_lines("request")) > 0)
    assert hasty.log_lines("request")[0]["status"] == 499


def test_a_large_body_may_take_longer_than_the_deadline(hasty: RunningServer) -> None:
    body = b'{"prompt":"' + b"a" * 50_000 + b'"}'
    with connected(hasty) as sock:
        sock.sendall(request(b"content-length: %d" % len(body), b"connection: close"))
        for start in range(0, len(body), 5000):  # more than the rate asks for, for longer than one interval
            sock.sendall(body[start : start + 5000])
            time.sleep(0.1)
        assert sock.recv(65536).startswith(b"HTTP/1.1 400")  # the prompt is too long


def test_one_connection_serves_many_requests_even_after_a_pause(hasty: RunningServer) -> None:
    with connected(hasty) as sock:
        for _ in range(3):
            sock.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += sock.recv(65536)
            time.sleep(0.7)  # longer than the header timeout, which starts with a request's first byte


@pytest.mark.parametrize("extra", [b"\r\n", b"\r\n\r\n", b"GET /health HTTP/1.1\r\nhost: loc"])
def test_what_follows_a_body_does_not_cut_its_answer(hasty: RunningServer, extra: bytes) -> None:
    body = {"prompt": "a", "stream": True, "ignore_eos": True, "max_tokens": 480, "n": 8, "temperature": 0.5}
    raw = json.dumps(body).encode()
    with connected(hasty) as sock:
        sock.sendall(request(b"content-length: %d" % len(raw), body=raw) + extra)
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            data = sock.recv(65536)
            assert data, "cut off within its answer"
            answer += data
        if extra.startswith(b"GET"):
            assert sock.recv(65536).startswith(b"HTTP/1.1 408")  # its own deadline begins behind the answer
        else:
            sock.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_line_breaks_do_not_keep_a_silent_connection_open(hasty: RunningServer) -> None:
    with connected(hasty) as sock:
        sock.sendall(b"\r\n" * 100)
        assert sock.recv(1) == b""


def test_an_offer_to_speak_http_2_is_passed_over_and_the_body_is_kept(server: RunningServer) -> None:
    body = b'{"prompt":"a","stop":5}'
    offer = (b"connection: upgrade, http2-settings, close", b"Upgrade: h2c", b"http2-settings: AAEA")
    status, answer = answer_to(server, request(*offer, b"content-length: %d" % len(body), body=body))
    assert status == 400
    assert answer["error"]["param"] == "stop"


def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    with connected(server) as sock:
        paths = [b"/health", b"/no/such", b"/readyz"]
        sock.sendall(b"".join(b"GET %b HTTP/1.1\r\nhost: localhost\r\n\r\n" % path for path in paths))
        answer = b""
        while answer.count(b"HTTP/1.1 ") < 3:
            answer += sock.recv(65536)
        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_a_reader_that_stalls_is_cut_off_and_its_request_ends(hasty: RunningServer) -> None:
    body = json.dumps({"prompt": "a", "stream": True, "ignore_eos": True, "n": 8, "logprobs": 20, "max_tokens": 400})
    with connected(hasty) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(request(b"content-length: %d" % len(body), body=body.encode()))
        wait_until(lambda: hasty.log_lines("request"))
    wait_until(lambda: hasty.metric("lsrv_requests_running") == 0)


def test_too_many_connections_cost_the_idlest_ones_their_place(start_server: StartServer) -> None:
    own = start_server(limits={"n_connections": 50})
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(own)) for _ in range(200)]
        assert_well(own)
        assert idle[0].recv(1) == b""


def test_ten_thousand_connections_opened_and_dropped(start_server: StartServer) -> None:
    _raise_file_limit(N_CONNECTIONS + 100)
    own = start_server()
    n_files = own.metric("process_open_fds")
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        for i in range(N_CONNECTIONS):
            sock = stack.enter_context(socket.create_connection((own.host, own.port), timeout=30))
            if i % 1000 == 0:
                sock.sendall(b"GET / HTTP/1.1\r\nx: ")
                assert_well(own)
        assert_well(own)
    assert_well(own)
    assert time.monotonic() - started < 60
    wait_until(lambda: own.metric("process_open_fds") <= n_files + 5)


def _raise_file_limit(n_files: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n_files:
        pytest.skip(f"this needs {n_files} open files, the machine allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n_files), hard))


@pytest.mark.parametrize("stream", ["true", "false"])
def test_http_1_0_gets_no_chunks(server: RunningServer, stream: str) -> None:
    """What it can't read it would take for text; its body ends with the connection."""
    asked = b'{"prompt":"a","max_tokens":2,"stream":%b}' % stream.encode()
    head, body = raw_answer(server, request(b"content-length: %d" % len(asked), body=asked).replace(b"/1.1", b"/1.0"))
    assert b"connection: close" in head and b"transfer-encoding" not in head
    assert body.endswith(b"data: [DONE]\n\n") if stream == "true" else json.loads(body)["object"] == "text_completion"
    assert stream != "true" or body.startswith(b'data: {"object":"text_completion"')
    assert_well(server)
