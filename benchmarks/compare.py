"""`python -m benchmarks.compare`: lsrv against llama.cpp's own server in one run, as ratios, with the machine.

Both servers are up all the time; rounds alternate between them (A B, B A, A B, ...), with the same requests, so that
a machine that slows down slows both. A ratio is made within a round; the table shows the median over rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import ratios, spread
from benchmarks.load import LoadFigures
from benchmarks.peers import ServerProcess, lsrv_server, make_peer
from benchmarks.session import answered, in_turns, session
from benchmarks.workload import Workload, add_peer_argument, add_server_arguments, find_workload, server_params

_COLUMNS = ("tok_s", "ttft_p50", "ttft_p95", "itl_p50", "itl_p95", "tpot_p50")

Round = tuple[LoadFigures, LoadFigures]  # lsrv, peer


def measure(ours: ServerProcess, peer: ServerProcess, workload: Workload, n_clients: int, n_rounds: int) -> list[Round]:
    """`n_rounds` rounds of both at one width, after a short one that counts for nothing."""
    for server in (ours, peer):
        warm_up = dataclasses.replace(workload.work(n_clients, seed=1000), n_requests=n_clients, max_tokens=8)
        answered(server, warm_up)
    rounds: list[Round] = []
    for number in range(n_rounds):
        work = workload.work(n_clients, seed=10 * n_clients + number + 1)
        figures = {server.name: answered(server, work)[0] for server in in_turns((ours, peer), number)}
        rounds.append((figures[ours.name], figures[peer.name]))
    return rounds


def print_table(peer_name: str, n_clients: int, rounds: list[Round]) -> None:
    """Medians of both, and lsrv / peer: for tok_s more is better, for times (ms) less is."""
    print(f"\n{n_clients} client{'s' if n_clients > 1 else ''}{'lsrv':>22}{peer_name:>14}   lsrv / {peer_name}")
    for column in _COLUMNS:
        ours = [getattr(own, column) for own, _ in rounds]
        theirs = [getattr(other, column) for _, other in rounds]
        print(f"  {column:<10}{spread(ours).median:>20.2f}{spread(theirs).median:>14.2f}   {ratios(ours, theirs)}")
    shares = [f"{spread([pair[side].client_cpu for pair in rounds]).median:.0%}" for side in (0, 1)]
    print(f"  {'client cpu':<10}{shares[0]:>20}{shares[1]:>14}")


def main() -> None:
    args = _arguments()
    widths = sorted(int(width) for width in args.clients.split(","))
    workload = find_workload(args.model)
    params = server_params(args, workload.path, n_slots=args.slots or widths[-1])
    report: dict[str, object] = {"machine": machine.describe(), "params": dataclasses.asdict(params), "peer": args.peer}
    results: dict[int, list[Round]] = {}
    with session(params) as stack:
        ours = stack.enter_context(lsrv_server(params))
        peer = stack.enter_context(make_peer(args.peer, params))
        for width in widths:
            results[width] = measure(ours, peer, workload, width, args.rounds)
            print_table(peer.name, width, results[width])
    report["rounds"] = {
        width: [{"lsrv": dataclasses.asdict(own), "peer": dataclasses.asdict(other)} for own, other in rounds]
        for width, rounds in results.items()
    }
    if args.json is not None:
        args.json.write_text(json.dumps(report, indent=1, default=str) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.add_argument("--clients", default="1,4,16", help="widths (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per width (default: %(default)s)")
    parser.add_argument("--slots", type=int, default=0, help="slots of both servers (default: the greatest width)")
    add_peer_argument(parser)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
