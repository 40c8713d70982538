"""`python -m benchmarks.memory`: how soon lsrv answers, and what it holds: with no model, loaded, and unloaded again.

RSS counts pages that processes share (llama.cpp's and Python's code, the mapped weights) in each of them; PSS, where
the system tells it, counts them once. Weights are mapped, so a loaded model's pages are page cache too.
"""

from __future__ import annotations

import argparse
import json
import time

import psutil

from benchmarks.cold_load import first_text_s
from benchmarks.figures import spread
from benchmarks.peers import ServerParams, ServerProcess, lsrv_server
from benchmarks.peers.params import MODEL_NAME
from benchmarks.session import session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_SETTLE_S = 2.0
_MB = 1e6


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.slots)
    with session(params):
        print_start(params, args.rounds)
        for spare_workers in (0, 1):
            print_memory(params, spare_workers)


def print_start(params: ServerParams, n_rounds: int) -> None:
    """Process start to the first 200 of /health, no model loaded. The first start, with cold files, is shown apart."""
    starts: list[float] = []
    for _ in range(n_rounds + 1):
        with lsrv_server(params, preload=False) as server:
            starts.append(server.start_s)
    print(f"start to /health: first {starts[0]:.2f} s, then {spread(starts[1:])} s")


def print_memory(params: ServerParams, spare_workers: int) -> None:
    """One server's memory along a model's life."""
    print(f"\nspare_workers = {spare_workers}")
    with lsrv_server(params, preload=False, spare_workers=spare_workers) as server:
        _print_tree(server, "no model")
        first_text_s(server)
        _print_tree(server, "loaded")
        server.post("/v1/models/unload", json.dumps({"model_id": MODEL_NAME}).encode())
        _print_tree(server, "unloaded")


def _print_tree(server: ServerProcess, state: str) -> None:
    time.sleep(_SETTLE_S)  # a spare worker starts, an ended one goes
    parent = psutil.Process(server.pid)
    children = parent.children(recursive=True)
    tree = [parent, *children]
    rss = [process.memory_info().rss / _MB for process in tree]
    pss = sum(getattr(process.memory_full_info(), "pss", 0) for process in tree) / _MB
    own = f"{pss:.1f} MB" if pss else "unknown"
    print(f"  {state:<10} parent RSS {rss[0]:.1f} MB, tree RSS {sum(rss):.1f} MB, PSS {own}, {len(tree)} processes")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5, help="starts (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
