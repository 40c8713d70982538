"""`python -m benchmarks.latency --peer PATH/llama-server`: running streams while a long prompt is read.

Some streams run; after a while one request with a prompt of 2,000 tokens comes. The time between two arrivals of a
stream before it came is compared with that until its first text. The aim: the 95th percentile at most doubles.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass

from benchmarks.figures import percentile, spread
from benchmarks.load import Work, run_load
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server, make_peer
from benchmarks.peers.params import MODEL_NAME
from benchmarks.peers.process import HOST
from benchmarks.session import in_turns, session
from benchmarks.workload import add_peer_argument, add_server_arguments, find_workload, server_params

_QUIET_S = 4.0


@dataclass(frozen=True)
class _Figures:
    quiet_p95_ms: float
    busy_p95_ms: float
    ttft_s: float  # of the long prompt

    @property
    def slowdown(self) -> float:
        return self.busy_p95_ms / self.quiet_p95_ms


async def _run(server: ServerProcess, args: argparse.Namespace, seed: int) -> _Figures:
    streams = Work(n_clients=args.streams, n_requests=args.streams, max_tokens=args.tokens, seed=seed)
    long_one = Work(n_clients=1, n_requests=1, max_tokens=2, n_prompt_words=args.words, seed=seed + 1)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    running = asyncio.create_task(run_load(HOST, server.port, MODEL_NAME, streams))
    await asyncio.sleep(_QUIET_S)
    came = loop.time() - begun
    figures, answers = await run_load(HOST, server.port, MODEL_NAME, long_one)
    answered = came + figures.ttft_p50 / 1e3
    stream_figures, streamed = await running
    if figures.n_errors or stream_figures.n_errors:
        raise ServerFailedError(f"{server.name}: {figures.first_error or stream_figures.first_error}")
    gaps = [gap for answer in streamed for gap in zip(answer.text_at, answer.text_at[1:], strict=False)]
    quiet = [later - sooner for sooner, later in gaps if later < came]
    busy = [later - sooner for sooner, later in gaps if later > came and sooner < answered]
    return _Figures(percentile(quiet, 95) * 1e3, percentile(busy, 95) * 1e3, answers[0].text_at[0])


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.streams + 1)
    with session(params) as stack:
        ours = stack.enter_context(lsrv_server(params))
        servers = [ours, stack.enter_context(make_peer(args.peer, params))]
        measured: dict[str, list[_Figures]] = {server.name: [] for server in servers}
        for number in range(args.rounds):
            for server in in_turns(servers, number):
                measured[server.name].append(asyncio.run(_run(server, args, 10 * number)))
    for name, rounds in measured.items():
        quiet, busy = spread([each.quiet_p95_ms for each in rounds]), spread([each.busy_p95_ms for each in rounds])
        print(f"{name}: itl p95 quiet {quiet} ms, while {args.words} words are read {busy} ms")
        print(f"  busy / quiet {spread([each.slowdown for each in rounds])}", end="")
        print(f", ttft of the long prompt {spread([each.ttft_s for each in rounds])} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.set_defaults(context=2560)
    parser.add_argument("--streams", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=700, help="of a stream (default: %(default)s)")
    parser.add_argument(
        "--words", type=int, default=1100, help="of the long prompt, near 2,000 tokens (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=2)
    add_peer_argument(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
