"""`python -m benchmarks.priority`: urgent requests among many more than there are places. lsrv alone.

Clients keep a full queue; a few others ask beside them, in one round with the same priority, in the next with a higher
one. What it is worth is their time to first text over that of the many; what it costs, the tokens per second of all.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass

from benchmarks.figures import percentile, spread
from benchmarks.load import Work, run_load
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server
from benchmarks.peers.params import MODEL_NAME
from benchmarks.peers.process import HOST
from benchmarks.session import in_turns, session
from benchmarks.workload import add_server_arguments, find_workload, server_params


@dataclass(frozen=True)
class _Figures:
    """Seconds to the first text: while urgent ones came, and theirs."""

    many_p50_s: float
    few_p50_s: float
    few_p95_s: float
    tok_s: float

    @property
    def ratio(self) -> float:
        return self.few_p50_s / self.many_p50_s


async def _run(server: ServerProcess, args: argparse.Namespace, priority: int, seed: int) -> _Figures:
    many = Work(n_clients=args.clients, n_requests=args.clients * args.requests, max_tokens=args.tokens, seed=2 * seed)
    few = Work(
        n_clients=args.urgent,
        n_requests=args.urgent * args.requests,
        max_tokens=args.tokens,
        fields=(("priority", priority),),
        seed=2 * seed + 1,
    )
    loads = [run_load(HOST, server.port, MODEL_NAME, work) for work in (many, few)]
    (of_many, answers), (of_few, urgent) = await asyncio.gather(*loads)
    if of_many.n_errors or of_few.n_errors:
        raise ServerFailedError(f"{server.name}: {of_many.first_error or of_few.first_error}")
    many_s, few_s = ([answer.text_at[0] for answer in each] for each in (answers, urgent))
    n_tokens, wall_s = of_many.n_tokens + of_few.n_tokens, max(of_many.wall_s, of_few.wall_s)
    return _Figures(percentile(many_s, 50), percentile(few_s, 50), percentile(few_s, 95), n_tokens / wall_s)


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.slots)
    measured: dict[int, list[_Figures]] = {0: [], 1: []}
    with session(params) as stack:
        server = stack.enter_context(lsrv_server(params))
        for number in range(args.rounds):
            for priority in in_turns((0, 1), number):
                measured[priority].append(asyncio.run(_run(server, args, priority, number)))
    print(f"{args.clients} clients of priority 0 and {args.urgent} more, {args.slots} places")
    for priority, rounds in measured.items():
        many, few = spread([each.many_p50_s for each in rounds]), spread([each.few_p50_s for each in rounds])
        print(f"the few have priority {priority}: ttft p50 of the many {many} s, of the few {few} s", end="")
        print(f" (p95 {spread([each.few_p95_s for each in rounds])} s)")
        print(f"  few / many {spread([each.ratio for each in rounds])}", end="")
        print(f", {spread([each.tok_s for each in rounds])} tok/s together")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--clients", type=int, default=24, help="of priority 0 (default: %(default)s)")
    parser.add_argument("--urgent", type=int, default=2, help="clients beside them (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=8, help="of each client (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=128, help="of an answer (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
