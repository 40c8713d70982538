"""`python -m benchmarks.cold_load --peer LLAMA_SERVER`: a request to an unloaded model, until its first text.

lsrv unloads through its API, keeps a warm spare worker, and loads on the request; a llama-server binary does the same
in router mode. They take turns; the table shows medians over rounds. xllamacpp left the router out, and a fresh process
of it is no stand-in (most of it is Python's start), so without a binary there are lsrv's figures and no ratio.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time

from benchmarks.figures import spread
from benchmarks.load import Work
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server, make_router
from benchmarks.peers.params import MODEL_NAME
from benchmarks.session import answered, session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_UNLOAD_TIMEOUT_S = 30.0


def first_text_s(server: ServerProcess) -> float:
    """Seconds from a request's start to its first text. Raises ServerFailedError."""
    work = Work(n_clients=1, n_requests=1, max_tokens=4, n_prompt_words=8)
    _, answers = answered(server, work)
    return answers[0].text_at[0]


def cold_lsrv_s(server: ServerProcess, settle_s: float) -> float:
    """Unload, let the next spare become warm, and ask."""
    status, answer = server.post("/v1/models/unload", json.dumps({"model_id": MODEL_NAME}).encode())
    if status != 200 or json.loads(answer)["status"] != "unloaded":
        raise ServerFailedError(f"lsrv did not unload: {answer.decode()}")
    time.sleep(settle_s)
    return first_text_s(server)


def cold_router_s(server: ServerProcess, settle_s: float) -> float:
    """The same with llama-server's router, whose unload ends later than its answer: then its process is gone too."""
    server.post("/models/unload", json.dumps({"model": MODEL_NAME}).encode())
    deadline = time.perf_counter() + _UNLOAD_TIMEOUT_S
    while _router_state(server) != "unloaded":
        if time.perf_counter() > deadline:
            raise ServerFailedError(f"the router did not unload:\n{server.log_tail()}")
        time.sleep(0.01)
    time.sleep(settle_s)
    return first_text_s(server)


def _router_state(server: ServerProcess) -> str:
    listed = json.loads(server.get("/models")[1])["data"]
    return str(next(model["status"]["value"] for model in listed if model["id"] == MODEL_NAME))


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=4)
    with session(params) as stack:
        ours = stack.enter_context(lsrv_server(params, preload=False, spare_workers=1))
        router = stack.enter_context(make_router(args.peer, params)) if args.peer else None
        _measure(ours, router, args)


def _measure(ours: ServerProcess, router: ServerProcess | None, args: argparse.Namespace) -> None:
    """`args.rounds` loads of each, in turns, after one of each that counts for nothing."""
    cold_s = {ours: cold_lsrv_s} | ({router: cold_router_s} if router else {})
    for server in cold_s:
        first_text_s(server)
    rounds = [{server: 1e3 * cold(server, args.settle) for server, cold in cold_s.items()} for _ in range(args.rounds)]
    print("unloaded to first text, ms")
    for server in cold_s:
        print(f"  {server.name:<22}{spread([times[server] for times in rounds])}")
    if router is None:
        print("  no ratio: name a llama-server binary with --peer")
    else:
        print(f"  {'lsrv / router':<22}{spread([times[ours] / times[router] for times in rounds])}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.add_argument("--rounds", type=int, default=15, help="loads of each (default: %(default)s)")
    parser.add_argument("--settle", type=float, default=1.5, help="seconds between unload and request")
    parser.add_argument("--peer", default=shutil.which("llama-server"), help="a llama-server binary (default: PATH's)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
