"""A scripted OpenAI-compatible server on loopback: the first part of a path says how it behaves.

`base_url("reset")` is that of a server which resets every stream. `requests` holds what came; each release of `gate`
lets "gated", "waiting", "sinking" and "reset" take a step; `has_lost_its_client` is set when a client of "endless"
has gone.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
ANSWER = {
    "id": "theirs",
    "object": "chat.completion",
    "created": 1,
    "model": "their-model",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
}


def chunk(delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    body = {"id": "theirs", "object": "chat.completion.chunk", "created": 1, "model": "theirs", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Script:
    """What the handlers share with the test."""

    requests: list[Received] = field(default_factory=list[Received])
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    has_lost_its_client: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)
    is_broken: bool = False  # of "moody", which lets its user "patient" wait for the gate


class UpstreamServer:
    def __init__(self) -> None:
        self.script = Script()
        handler = type("Handler", (_Handler,), {"script": self.script})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def base_url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{behaviour}/v1"

    def requests_to(self, behaviour: str) -> list[Received]:
        return [each for each in self.script.requests if each.path.startswith(f"/{behaviour}/")]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.script.is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    script: Script
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.script.requests.append(Received(self.path, {}, {}))
        self._json(200, {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.script.requests.append(Received(self.path, headers, json.loads(raw)))
        behaviour = self.path.split("/")[1]
        try:
            getattr(self, f"_{behaviour}")(json.loads(raw))
        except OSError:
            self.script.has_lost_its_client.set()
            self.close_connection = True

    # -- answers -----------------------------------------------------------------------------------

    def _good(self, body: dict[str, Any]) -> None:
        if not body.get("stream"):
            self._json(200, ANSWER)
            return
        write = self._begin_stream()
        write(b": thinking\r\n\r\n")
        write(chunk({"role": "assistant", "content": ""}))
        write(chunk({"tool_calls": [{"index": 0} | TOOL_CALL]}))
        write(chunk({}, "tool_calls"))
        write(b"data: [DONE]\n\n")
        self._end_stream()

    def _ranking(self, body: dict[str, Any]) -> None:
        """The last document fits best, and is named first."""
        scored = [(index, (index + 1) / 4) for index in range(len(body["documents"]))]
        results = [{"index": index, "relevance_score": score} for index, score in reversed(scored)]
        self._json(200, {"results": results, "usage": {"prompt_tokens": 9}})

    def _moody(self, body: dict[str, Any]) -> None:
        if body.get("user") == "patient":
            self.script.gate.acquire(timeout=20)
        if self.script.is_broken:
            self._json(500, {"error": {"message": "out of order"}})
        else:
            self._json(200, ANSWER)

    def _gated(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        for word in ("one", "two"):
            self.script.gate.acquire(timeout=20)
            write(chunk({"content": word}))
        write(chunk({}, "stop"))
        write(b"data: [DONE]\n\n")
        self._end_stream()

    def _endless(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        while True:
            write(chunk({"content": "x" * 1000}))

    def _waiting(self, body: dict[str, Any]) -> None:
        self.script.gate.acquire(timeout=20)
        self._json(200, ANSWER)

    def _sinking(self, body: dict[str, Any]) -> None:
        self.script.gate.acquire(timeout=20)
        self._fail(body)

    # -- refusals ----------------------------------------------------------------------------------

    def _redirect(self, body: dict[str, Any]) -> None:
        self.send_response(307)
        self.send_header("location", "/good/v1/chat/completions?token=secret")
        self.send_header("content-length", "0")
        self.end_headers()

    def _unauthorized(self, body: dict[str, Any]) -> None:
        self._json(401, {"error": {"message": f"bad key {self.headers['authorization']}"}})

    def _forbidden(self, body: dict[str, Any]) -> None:
        self._json(403, {"error": {"message": "not for you"}})

    def _busy(self, body: dict[str, Any]) -> None:
        self._json(429, {"error": {"message": "slow down"}}, {"retry-after": "17"})

    def _refuse(self, body: dict[str, Any]) -> None:
        key = self.headers.get("authorization", "nothing").split()[-1]
        error = {"message": f"top_k is unknown\nsaid {key}", "param": "top_k", "code": "unknown_parameter"}
        self._json(400, {"error": error})

    def _too_long(self, body: dict[str, Any]) -> None:
        self._json(400, {"error": {"message": "8000 tokens are too many", "code": "context_length_exceeded"}})

    def _page(self, body: dict[str, Any]) -> None:
        self._send(404, b"<html>nginx</html>", {"content-type": "text/html"})

    def _down(self, body: dict[str, Any]) -> None:
        self._json(503, {"detail": "loading"}, {"retry-after": "23"})

    def _fail(self, body: dict[str, Any]) -> None:
        self._json(500, {"error": "cuda out of memory"})

    # -- nonsense ----------------------------------------------------------------------------------

    def _hang(self, body: dict[str, Any]) -> None:
        self.script.is_over.wait(20)
        self.close_connection = True

    def _stall(self, body: dict[str, Any]) -> None:
        self._begin_stream()(chunk({"content": "one"}))
        self.script.is_over.wait(20)
        self.close_connection = True

    def _reset(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        write(chunk({"content": "one"}))
        self.script.gate.acquire(timeout=20)  # the client has read it: a reset would take it back
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _cut(self, body: dict[str, Any]) -> None:
        self._begin_stream()(chunk({"content": "one"}))
        self._end_stream()

    def _unfinished(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        write(chunk({"content": "one"}))
        write(chunk({}, "stop"))
        self._end_stream()

    def _broken_event(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        write(chunk({"content": "one"}))
        write(b'data: {"choices": [\n\n')
        self._end_stream()

    def _error_event(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        write(chunk({"content": "one"}))
        write(b'data: {"error": {"message": "the model died"}}\n\n')
        self._end_stream()

    def _role_only(self, body: dict[str, Any]) -> None:
        """As many servers do: a role at once, and then nothing but an error."""
        write = self._begin_stream()
        write(chunk({"role": "assistant", "content": ""}))
        write(b'data: {"error": {"message": "out of memory"}}\n\n')
        self._end_stream()

    def _broke(self, body: dict[str, Any]) -> None:
        self._json(402, {"error": {"message": "no credit left"}})

    def _giant(self, body: dict[str, Any]) -> None:
        write = self._begin_stream()
        write(b"data: ")
        while True:
            write(b"x" * 1_000_000)

    def _plain(self, body: dict[str, Any]) -> None:
        self._send(200, b"hello", {"content-type": "text/plain"})

    def _list(self, body: dict[str, Any]) -> None:
        self._json(200, [])

    # -- writing -----------------------------------------------------------------------------------

    def _json(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), {"content-type": "application/json"} | (headers or {}))

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _begin_stream(self) -> Callable[[bytes], None]:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        return lambda data: self._write_chunk(data)

    def _write_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
