"""A closed-loop load: N clients, each sends its next request when the last one has ended. Knows no particular server.

While a load runs, arriving bytes are only stamped and kept; they are read afterwards, so that the client takes as
little of the processor as it can. Each request has a connection of its own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from dataclasses import dataclass

from benchmarks.answer import Answer, Arrival, read_answer
from benchmarks.figures import percentile

# fmt: off
_WORDS = (
    "the", "cat", "sat", "on", "a", "mat", "while", "little", "girl", "Lily", "went", "to", "park", "with", "her",
    "mom", "and", "saw", "big", "red", "ball",
)
# fmt: on
_END_OF_CHUNKS = b"0\r\n\r\n"
_REQUEST_TIMEOUT_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a load asks for. Two loads with equal `Work` send the same requests in the same order."""

    n_clients: int
    n_requests: int
    max_tokens: int
    n_prompt_words: int = 32
    n_shared_words: int = 0  # words that all prompts begin with
    shared_seed: int = 7  # of those
    is_caching: bool = True  # False: the server shall read the whole prompt (cache_prompt)
    is_chat: bool = False
    history: tuple[tuple[str, str], ...] = ()  # of every chat: who said what before the prompt
    is_streaming: bool = True
    temperature: float = 0.8
    top_k: int = 40
    is_ignoring_eos: bool = True
    fields: tuple[tuple[str, object], ...] = ()  # more of every body
    seed: int = 0  # of prompts and of the servers' samplers
    models: tuple[str, ...] = ()  # asked in turns, one request each; empty: only the one that `bodies` is given

    def bodies(self, model: str) -> list[bytes]:
        """The JSON bodies. Ignoring the end, every answer has exactly `max_tokens` tokens."""
        rng, models = random.Random(self.seed), self.models or (model,)
        shared = _prompt(random.Random(self.shared_seed), self.n_shared_words)
        return [
            self._body(models[index % len(models)], shared + _prompt(rng, self.n_prompt_words), index)
            for index in range(self.n_requests)
        ]

    def _body(self, model: str, prompt: list[str], index: int) -> bytes:
        text = " ".join(prompt)
        fields: dict[str, object] = {
            "model": model,
            "max_tokens": self.max_tokens,
            "ignore_eos": self.is_ignoring_eos,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": 0.95,
            "min_p": 0.05,
            "seed": self.seed * 100_000 + index,
            "stream": self.is_streaming,
            "cache_prompt": self.is_caching,
            **dict(self.fields),
        }
        said = [*self.history, ("user", text)]
        messages = [{"role": role, "content": content} for role, content in said]
        fields |= {"messages": messages} if self.is_chat else {"prompt": text}
        if self.is_streaming:
            fields["stream_options"] = {"include_usage": True}
        return json.dumps(fields).encode()


@dataclass(frozen=True, kw_only=True)
class LoadFigures:
    """What a load saw. Times in milliseconds, from a request's start, which is before its connection is made."""

    n_ok: int
    n_errors: int
    first_error: str
    n_tokens: int
    wall_s: float
    tok_s: float
    ttft_p50: float
    ttft_p95: float
    itl_p50: float  # between two arrivals that bring text; an arrival may bring several tokens
    itl_p95: float
    tpot_p50: float  # (last text - first text) / (tokens - 1) of one request
    e2e_p50: float
    client_cpu: float  # processor seconds of the client per second


async def run_load(host: str, port: int, model: str, work: Work) -> tuple[LoadFigures, list[Answer]]:
    """Run `work` to its end. A request that fails is counted, never raised."""
    path = "/v1/chat/completions" if work.is_chat else "/v1/completions"
    requests = [_http_request(host, port, path, body) for body in work.bodies(model)]
    queue = list(reversed(requests))
    ended: list[tuple[float, list[Arrival]]] = []

    async def client() -> None:
        while queue:
            request = queue.pop()
            ended.append(await _exchange(host, port, request))

    gc.collect()
    gc.disable()
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        await asyncio.gather(*(client() for _ in range(work.n_clients)))
    finally:
        gc.enable()
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    answers = [read_answer(begun, arrivals) for begun, arrivals in ended]
    return _figures(answers, wall_s, cpu_s), answers


async def _exchange(host: str, port: int, request: bytes) -> tuple[float, list[Arrival]]:
    """Send one request; returns when it began and what arrived. A connection that fails brings nothing."""
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    exchange = _Exchange(request, loop.create_future())
    try:
        await loop.create_connection(lambda: exchange, host, port)
        async with asyncio.timeout(_REQUEST_TIMEOUT_S):
            await exchange.ended
    except (OSError, TimeoutError):
        exchange.close()
    return begun, exchange.arrivals


class _Exchange(asyncio.Protocol):
    """One request and its answer, as stamped bytes."""

    def __init__(self, request: bytes, ended: asyncio.Future[None]) -> None:
        self.ended = ended
        self.arrivals: list[Arrival] = []
        self._request = request
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.arrivals.append((time.perf_counter(), data))
        if data.endswith(_END_OF_CHUNKS):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _http_request(host: str, port: int, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _prompt(rng: random.Random, n_words: int) -> list[str]:
    return [rng.choice(_WORDS) for _ in range(n_words)]


def _figures(answers: list[Answer], wall_s: float, cpu_s: float) -> LoadFigures:
    good = [answer for answer in answers if not answer.error]
    errors = [answer.error for answer in answers if answer.error]
    n_tokens = sum(answer.n_tokens for answer in good)
    ttft = [answer.text_at[0] for answer in good]
    itl = [later - sooner for answer in good for sooner, later in zip(answer.text_at, answer.text_at[1:], strict=False)]
    tpot = [(a.text_at[-1] - a.text_at[0]) / (a.n_tokens - 1) for a in good if a.n_tokens > 1]
    return LoadFigures(
        n_ok=len(good),
        n_errors=len(errors),
        first_error=errors[0] if errors else "",
        n_tokens=n_tokens,
        wall_s=wall_s,
        tok_s=n_tokens / wall_s,
        ttft_p50=percentile(ttft, 50) * 1e3,
        ttft_p95=percentile(ttft, 95) * 1e3,
        itl_p50=percentile(itl, 50) * 1e3,
        itl_p95=percentile(itl, 95) * 1e3,
        tpot_p50=percentile(tpot, 50) * 1e3,
        e2e_p50=percentile([answer.ended_at for answer in good], 50) * 1e3,
        client_cpu=cpu_s / wall_s,
    )
