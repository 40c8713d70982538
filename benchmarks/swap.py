"""`python -m benchmarks.swap --peer LLAMA_SERVER`: two models, memory for one, clients that ask them in turns.

Three servers in turns: lsrv as it is; lsrv without patience, which swaps as soon as somebody asks for the other
model; and a llama-server binary in router mode with `--models-max 1`. The table shows requests per second. "In order"
is lsrv with one client that asks for all of it: what a server does that answers strictly first come, first served.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil

from benchmarks.figures import spread
from benchmarks.load import LoadFigures, Work, run_load
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server, make_router
from benchmarks.peers.process import HOST
from benchmarks.session import session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_MODELS = ("one", "two")
_IN_ORDER = "lsrv, in order"


def measure(server: ServerProcess, args: argparse.Namespace, seed: int, n_clients: int) -> LoadFigures:
    """One round. Raises ServerFailedError if lsrv loses a single request; a peer's losses are shown."""
    work = Work(n_clients=n_clients, n_requests=args.requests, max_tokens=args.tokens, seed=seed, models=_MODELS)
    figures, _ = asyncio.run(run_load(HOST, server.port, _MODELS[0], work))
    if figures.n_errors and server.name.startswith("lsrv"):
        raise ServerFailedError(f"{server.name}: {figures.first_error}\n{server.log_tail()}")
    return figures


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.clients)
    one_place = {"max_loaded_models": 1}
    with session(params) as stack:
        servers = [
            stack.enter_context(lsrv_server(params, models=_MODELS, preload=False, server=one_place)),
            stack.enter_context(
                lsrv_server(
                    params,
                    name="lsrv, patience 0",
                    models=_MODELS,
                    preload=False,
                    server=one_place | {"swap_patience": "0s"},
                )
            ),
        ]
        if args.peer:
            servers.append(stack.enter_context(make_router(args.peer, params, models=_MODELS, n_loaded_max=1)))
        _measure(servers, args)


def _measure(servers: list[ServerProcess], args: argparse.Namespace) -> None:
    runs = {server.name: (server, args.clients) for server in servers}
    runs[_IN_ORDER] = (servers[0], 1)
    measured = [
        {name: measure(server, args, seed, n_clients) for name, (server, n_clients) in runs.items()}
        for seed in range(args.rounds)
    ]
    rounds = [{name: each.n_ok / each.wall_s for name, each in figures.items()} for figures in measured]
    ours, *others = runs
    print("requests per second")
    for name in runs:
        n_lost = sum(figures[name].n_errors for figures in measured)
        lost = f"  ({n_lost} requests lost)" if n_lost else ""
        print(f"  {name:<22}{spread([speeds[name] for speeds in rounds])}{lost}")
    for other in others:
        ratio = spread([speeds[ours] / speeds[other] for speeds in rounds])
        print(f"  {'lsrv / ' + other:<30}{ratio}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=160, help="of all clients together, per round")
    parser.add_argument("--tokens", type=int, default=32, help="length of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default=shutil.which("llama-server"), help="a llama-server binary (default: PATH's)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
