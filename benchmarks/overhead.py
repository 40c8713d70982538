"""`python -m benchmarks.overhead`: what lsrv spends outside llama_decode, per request and per token.

The worker counts the time inside llama_decode itself; `/metrics` shows the count as of the last heartbeat.

- per request: (sum of the requests' times at the client - time inside llama_decode) / requests, for requests of one
  token, one after another. It has everything in it: the client, HTTP, JSON, the frames, tokenizing, sampling.
- per token, engine: (time in steps outside llama_decode) / tokens, at each width: batch, sampling, text, bookkeeping.
  The sampling in it is llama.cpp's own; with the 1 MB model's 512 tokens it is little.
- share: the same time / all time in steps.
- per token, whole: (time at the client - time inside llama_decode) / tokens of one long stream alone.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass

from benchmarks.figures import spread
from benchmarks.load import Work
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server
from benchmarks.peers.params import MODEL_NAME
from benchmarks.session import answered, session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_HEARTBEAT_S = 1.5  # heartbeats come about once a second


@dataclass(frozen=True)
class EngineCounts:
    """What the engine has done since its start."""

    compute_s: float
    overhead_s: float
    n_prefill_tokens: float
    n_decode_tokens: float

    def __sub__(self, sooner: EngineCounts) -> EngineCounts:
        return EngineCounts(
            self.compute_s - sooner.compute_s,
            self.overhead_s - sooner.overhead_s,
            self.n_prefill_tokens - sooner.n_prefill_tokens,
            self.n_decode_tokens - sooner.n_decode_tokens,
        )


@dataclass(frozen=True)
class Measured:
    """One load: sums over its requests, and what the engine did meanwhile."""

    n_requests: int
    n_tokens: int
    e2e_s: float
    engine: EngineCounts


def measure(server: ServerProcess, work: Work) -> Measured:
    """Run `work` between two heartbeats. Raises ServerFailedError."""
    before = _engine_counts(server)
    figures, answers = answered(server, work)
    e2e_s = sum(answer.ended_at for answer in answers)
    return Measured(figures.n_ok, figures.n_tokens, e2e_s, _engine_counts(server) - before)


def _engine_counts(server: ServerProcess) -> EngineCounts:
    """The counts of a worker that has nothing to do, after a heartbeat."""
    time.sleep(_HEARTBEAT_S)
    lines = server.get("/metrics")[1].decode().splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if line.startswith("lsrv_engine_"))

    def total(name: str) -> float:
        found = [value for key, value in samples.items() if key.startswith(f"lsrv_engine_{name}_total{{")]
        if not found:
            raise ServerFailedError(f"/metrics has no lsrv_engine_{name}_total")
        return sum(map(float, found))

    return EngineCounts(
        total("compute_seconds"), total("overhead_seconds"), total("prefill_tokens"), total("decode_tokens")
    )


def print_request_overhead(server: ServerProcess, n_requests: int, n_rounds: int) -> None:
    """Completions, and chats where the model has a template."""
    for is_chat in (False, True) if _has_template(server) else (False,):
        values: list[float] = []
        for seed in range(n_rounds):
            work = Work(
                n_clients=1, n_requests=n_requests, max_tokens=1, is_chat=is_chat, is_streaming=False, seed=seed
            )
            seen = measure(server, work)
            values.append(1e3 * (seen.e2e_s - seen.engine.compute_s) / seen.n_requests)
        route = "/v1/chat/completions" if is_chat else "/v1/completions"
        print(f"per request outside llama_decode, {route:<22} {spread(values)} ms", flush=True)


def _has_template(server: ServerProcess) -> bool:
    return "chat" in json.loads(server.get(f"/v1/models/{MODEL_NAME}")[1])["capabilities"]


def print_token_overhead(server: ServerProcess, widths: list[int], max_tokens: int, n_rounds: int) -> None:
    """The engine's part at each width, and the whole path of a stream alone."""
    for width in widths:
        engine_us: list[float] = []
        whole_us: list[float] = []
        shares: list[float] = []
        for seed in range(n_rounds):
            seen = measure(server, Work(n_clients=width, n_requests=4 * width, max_tokens=max_tokens, seed=100 + seed))
            engine_us.append(1e6 * seen.engine.overhead_s / seen.n_tokens)
            whole_us.append(1e6 * (seen.e2e_s - seen.engine.compute_s) / seen.n_tokens)
            shares.append(100 * seen.engine.overhead_s / (seen.engine.overhead_s + seen.engine.compute_s))
        print(f"per token outside llama_decode, {width:>2} streams: engine {spread(engine_us)} µs", flush=True)
        print(f"share of the engine's time,      {width:>2} streams:        {spread(shares)} %", flush=True)
        if width == 1:
            print(f"per token outside llama_decode, {width:>2} stream:   whole  {spread(whole_us)} µs", flush=True)


def main() -> None:
    args = _arguments()
    widths = sorted(int(width) for width in args.clients.split(","))
    params = server_params(args, find_workload(args.model).path, n_slots=widths[-1])
    with session(params) as stack:
        server = stack.enter_context(lsrv_server(params))
        measure(server, Work(n_clients=widths[-1], n_requests=2 * widths[-1], max_tokens=8))
        print_request_overhead(server, args.requests, args.rounds)
        print_token_overhead(server, widths, args.max_tokens, args.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.add_argument("--clients", default="1,4,16", help="widths (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=200, help="requests of one token (default: %(default)s)")
    parser.add_argument("--max-tokens", type=int, default=256, help="tokens per stream (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
