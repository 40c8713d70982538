"""`python -m benchmarks.response_cache`: an answer that was kept against the same one computed anew. lsrv alone.

Each round sends new requests four times: computed and kept; computed once more, passing the cache by (the prefix cache
still helps, so this is what a repeated request costs without kept answers); from memory; and, after the server was
started again, from disk, without its model in memory. Ratios compare the last two with the second, within a round.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

from benchmarks.figures import spread
from benchmarks.load import LoadFigures, Work
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server
from benchmarks.peers.params import MODEL_NAME
from benchmarks.session import answered, session
from benchmarks.workload import Workload, add_server_arguments, find_workload, server_params

_PASS_BY = (("response_cache", False),)
_WAYS = {
    "first": "computed, and kept",
    "again": "computed again",
    "memory": "from memory",
    "disk": "from disk, after a restart",
}

Round = dict[str, LoadFigures]  # by way


def _run(server: ServerProcess, work: Work) -> tuple[LoadFigures, list[str]]:
    """Figures, and the texts in order of the alphabet."""
    figures, answers = answered(server, work)
    return figures, sorted(answer.text for answer in answers)


def _kept(server: ServerProcess, work: Work, tier: str, texts: list[str]) -> LoadFigures:
    """The same requests, all of which `tier` ("memory" or "disk") must answer with the same texts."""
    before = _n_hits(server, tier)
    figures, found = _run(server, work)
    if _n_hits(server, tier) - before != work.n_requests or found != texts:
        raise ServerFailedError(f"{server.name}: not every request got its kept answer from {tier}")
    return figures


def _n_hits(server: ServerProcess, tier: str) -> int:
    _, answer = server.get(f"/v1/models/{MODEL_NAME}/cache")
    return int(json.loads(answer)[f"{tier}_hits"])


def _measure(server: ServerProcess, workload: Workload, args: argparse.Namespace, n_clients: int) -> list[Round]:
    rounds: list[Round] = []
    for number in range(args.rounds):
        work = dataclasses.replace(workload.work(n_clients, 10 * n_clients + number + 1), n_requests=args.requests)
        _run(server, dataclasses.replace(work, n_requests=1, max_tokens=8, seed=1000 + work.seed))  # loads the model
        first, texts = _run(server, work)
        again, _ = _run(server, dataclasses.replace(work, fields=_PASS_BY))
        memory = _kept(server, work, "memory", texts)
        server.restart()
        rounds.append({"first": first, "again": again, "memory": memory, "disk": _kept(server, work, "disk", texts)})
    return rounds


def _print_table(n_clients: int, rounds: list[Round]) -> None:
    print(f"\n{n_clients} client{'s' if n_clients > 1 else ''}")
    print(f"  {'':<28}{'latency p50, ms':>26}{'requests/s':>28}   sooner than again; more per second")
    for way, name in _WAYS.items():
        latencies = [each[way].e2e_p50 for each in rounds]
        rates = [_rate(each[way]) for each in rounds]
        sooner = spread([each["again"].e2e_p50 / each[way].e2e_p50 for each in rounds])
        more = spread([_rate(each[way]) / _rate(each["again"]) for each in rounds])
        print(f"  {name:<28}{spread(latencies)!s:>26}{spread(rates)!s:>28}   {sooner}; {more}")


def _rate(figures: LoadFigures) -> float:
    return figures.n_ok / figures.wall_s


def main() -> None:
    args = _arguments()
    widths = sorted(int(width) for width in args.clients.split(","))
    workload = find_workload(args.model)
    params = server_params(args, workload.path, n_slots=widths[-1])
    with session(params) as stack:
        server = stack.enter_context(lsrv_server(params, preload=False, response_cache=True))
        for width in widths:
            _print_table(width, _measure(server, workload, args, width))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.add_argument("--clients", default="1,4", help="widths (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=16, help="different ones of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per width (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
