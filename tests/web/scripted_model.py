"""A model that says what a test tells it to: an OpenAI-compatible server on loopback, for an upstream entry.

`script` is what the next answers stream: texts, deltas as objects, STEP, at which they wait for `go_on()`, and BREAK,
at which the connection is gone.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

STEP = object()
BREAK = object()


class ScriptedModel:
    """`bodies`: the requests that came."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.bodies: list[dict[str, Any]] = []
        self.steps = threading.Semaphore(0)
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def say(self, *script: Any) -> None:
        """Let the answers from now on be these. Earlier ones end where they wait."""
        self._end_earlier()
        self.steps = threading.Semaphore(0)
        self.script = list(script)
        self.bodies.clear()

    def go_on(self) -> None:
        self.steps.release()

    def _end_earlier(self) -> None:
        for _ in range(100):
            self.steps.release()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._end_earlier()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    model: ScriptedModel
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.model.bodies.append(body)
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            self._stream(list(self.model.script))
        except OSError:
            return  # the client has gone

    def _stream(self, script: list[Any]) -> None:
        self._chunk({"role": "assistant", "content": ""})
        steps, has_calls = self.model.steps, False
        for piece in script:
            if piece is STEP:
                steps.acquire(timeout=60)
                continue
            if piece is BREAK:
                return
            delta = {"content": piece} if isinstance(piece, str) else piece
            has_calls = has_calls or "tool_calls" in delta
            self._chunk(delta)
        self._chunk({}, "tool_calls" if has_calls else "stop")
        usage = {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}
        self._send({"id": "x", "object": "chat.completion.chunk", "created": 1, "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        self._send({"id": "x", "object": "chat.completion.chunk", "created": 1, "choices": [choice]})

    def _send(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()
