"""`python -m benchmarks.shared_prefix --peer PATH/llama-server`: requests that arrive together and begin alike.

All clients send one request at once: the same 400 words, then 16 of their own. Every round has other words, so nothing
is cached before it: what is measured is whether a server reads the common part once. The aim: a quarter of the TTFT.
"""

from __future__ import annotations

import argparse

from benchmarks.figures import ratios, spread
from benchmarks.load import LoadFigures, Work
from benchmarks.peers import ServerProcess, lsrv_server, make_peer
from benchmarks.session import answered, in_turns, session
from benchmarks.workload import add_peer_argument, add_server_arguments, find_workload, server_params

_N_OWN_WORDS = 16
_MAX_TOKENS = 8


def _measure(server: ServerProcess, n_clients: int, n_words: int, seed: int) -> LoadFigures:
    work = Work(
        n_clients=n_clients,
        n_requests=n_clients,
        max_tokens=_MAX_TOKENS,
        n_prompt_words=_N_OWN_WORDS,
        n_shared_words=n_words,
        shared_seed=seed,
        seed=seed,
    )
    figures, _ = answered(server, work)
    return figures


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.clients)
    with session(params) as stack:
        ours = stack.enter_context(lsrv_server(params))
        peer = stack.enter_context(make_peer(args.peer, params))
        _compare(ours, peer, args)


def _compare(ours: ServerProcess, peer: ServerProcess, args: argparse.Namespace) -> None:
    """`args.rounds` rounds, in turns, after a short one that counts for nothing."""
    for server in (ours, peer):
        _measure(server, args.clients, 8, seed=1000)
    rounds: list[dict[str, LoadFigures]] = []
    for number in range(args.rounds):
        order = in_turns((ours, peer), number)
        rounds.append({server.name: _measure(server, args.clients, args.words, number + 1) for server in order})
    print(f"{args.clients} requests at once, {args.words} words in common")
    for column in ("ttft_p50", "ttft_p95"):
        own = [getattr(figures[ours.name], column) for figures in rounds]
        other = [getattr(figures[peer.name], column) for figures in rounds]
        print(f"  {column}  lsrv {spread(own)} ms   {peer.name} {spread(other)} ms", end="")
        print(f"   {peer.name} / lsrv {ratios(other, own)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.set_defaults(context=1024)
    parser.add_argument("--clients", type=int, default=8, help="requests at once (default: %(default)s)")
    parser.add_argument("--words", type=int, default=400, help="that all begin with (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    add_peer_argument(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
