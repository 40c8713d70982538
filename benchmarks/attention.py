"""`python -m benchmarks.attention`: `flash_attention = "off"` against "on", by how long a prompt is. lsrv alone.

On a processor the two have other costs: flash attention passes over cells that a sequence does not look at, and is
slow per cell where it computes few tokens at once. The time per token while streams run and the time to the first text
are compared.
"""

from __future__ import annotations

import argparse

from benchmarks.figures import ratios, spread
from benchmarks.load import LoadFigures, Work
from benchmarks.peers import ServerProcess, lsrv_server
from benchmarks.session import answered, in_turns, session
from benchmarks.workload import add_server_arguments, find_workload, server_params


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.clients)
    with session(params) as stack:
        off, on = (
            stack.enter_context(lsrv_server(params, name=mode, context={"flash_attention": mode}))
            for mode in ("off", "on")
        )
        for n_clients in sorted({1, args.clients}):
            for n_words in args.words:
                _compare(off, on, args, n_clients, n_words)


def _compare(off: ServerProcess, on: ServerProcess, args: argparse.Namespace, n_clients: int, n_words: int) -> None:
    rounds: list[dict[str, LoadFigures]] = []
    for number in range(args.rounds):
        work = Work(
            n_clients=n_clients, n_requests=n_clients, max_tokens=args.tokens, n_prompt_words=n_words, seed=number
        )
        rounds.append({server.name: answered(server, work)[0] for server in in_turns((off, on), number)})
    print(f"{n_clients} clients, {n_words} words:", end="")
    for column in ("ttft_p50", "itl_p50"):
        own, other = ([getattr(figures[server.name], column) for figures in rounds] for server in (off, on))
        print(f"  {column} off {spread(own)} ms, off / on {ratios(own, other)}", end="")
    print(flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.set_defaults(context=6144)
    parser.add_argument("--clients", type=int, default=4, help="at once; 1 is measured, too (default: %(default)s)")
    parser.add_argument(
        "--words", type=int, nargs="+", default=[30, 300, 1200], help="of prompts (default: %(default)s)"
    )
    parser.add_argument("--tokens", type=int, default=48, help="of an answer (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
