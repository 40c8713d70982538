"""`python -m benchmarks.cold_load`: a request to a model that is not loaded, until its first text. Median of N.

lsrv unloads through its API, keeps a warm spare worker, and loads on the request. `--peer PATH` of a llama-server binary
does the same in router mode. xllamacpp has no router: there the figure is a fresh process, from its start to the first
text, which is what a router does inside, without the router.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable

from benchmarks import machine
from benchmarks.figures import spread
from benchmarks.load import Work, run_load
from benchmarks.peers import ServerFailedError, ServerParams, ServerProcess, lsrv_server, make_peer, make_router
from benchmarks.peers.params import MODEL_NAME
from benchmarks.peers.process import HOST
from benchmarks.peers.servers import XLLAMACPP
from benchmarks.workload import add_server_arguments, find_workload, server_params

_UNLOAD_TIMEOUT_S = 30.0


def first_text_s(server: ServerProcess) -> float:
    """Seconds from a request's start to its first text. Raises ServerFailedError."""
    work = Work(n_clients=1, n_requests=1, max_tokens=4, n_prompt_words=8)
    figures, answers = asyncio.run(run_load(HOST, server.port, MODEL_NAME, work))
    if figures.n_errors:
        raise ServerFailedError(f"{server.name}: {figures.first_error}\n{server.log_tail()}")
    return answers[0].text_at[0]


def cold_lsrv_s(server: ServerProcess, settle_s: float) -> float:
    """Unload, let the next spare become warm, and ask."""
    status, answer = server.post("/v1/models/unload", json.dumps({"model_id": MODEL_NAME}).encode())
    if status != 200 or json.loads(answer)["status"] != "unloaded":
        raise ServerFailedError(f"lsrv did not unload: {answer.decode()}")
    time.sleep(settle_s)
    return first_text_s(server)


def cold_router_s(server: ServerProcess, settle_s: float) -> float:
    """The same with llama-server's router, whose unload ends later than its answer."""
    server.post("/models/unload", json.dumps({"model": MODEL_NAME}).encode())
    deadline = time.perf_counter() + _UNLOAD_TIMEOUT_S
    while _router_state(server) != "unloaded":
        if time.perf_counter() > deadline:
            raise ServerFailedError(f"the router did not unload:\n{server.log_tail()}")
        time.sleep(0.01)
    time.sleep(settle_s)
    return first_text_s(server)


def fresh_process_s(peer: str, params: ServerParams) -> float:
    """A process that starts with the model, until it is healthy, and its first text."""
    with make_peer(peer, params) as server:
        return server.start_s + first_text_s(server)


def _router_state(server: ServerProcess) -> str:
    listed = json.loads(server.get("/models")[1])["data"]
    return str(next(model["status"]["value"] for model in listed if model["id"] == MODEL_NAME))


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=4)
    print(f"{machine.headline(machine.describe())}\n{params}", flush=True)
    try:
        if args.peer == XLLAMACPP:
            _measure(args, params, "xllamacpp, a fresh process", lambda: fresh_process_s(args.peer, params))
        else:
            with make_router(args.peer, params) as router:
                first_text_s(router)
                _measure(args, params, router.name, lambda: cold_router_s(router, args.settle))
    except ServerFailedError as error:
        sys.exit(f"error: {error}")


def _measure(args: argparse.Namespace, params: ServerParams, peer_name: str, cold_peer_s: Callable[[], float]) -> None:
    """Take turns, `args.rounds` times, after one load of each that counts for nothing."""
    with lsrv_server(params, preload=False, spare_workers=1) as ours:
        first_text_s(ours)
        pairs = [(cold_lsrv_s(ours, args.settle), cold_peer_s()) for _ in range(args.rounds)]
    ours_ms, peer_ms = spread([1e3 * own for own, _ in pairs]), spread([1e3 * other for _, other in pairs])
    print(f"\nunloaded to first text, ms\n  {'lsrv':<30}{ours_ms}\n  {peer_name:<30}{peer_ms}")
    print(f"  {'lsrv / peer':<30}{spread([own / other for own, other in pairs])}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.add_argument("--rounds", type=int, default=15, help="loads of each (default: %(default)s)")
    parser.add_argument("--settle", type=float, default=1.5, help="seconds between unload and request")
    parser.add_argument("--peer", default=XLLAMACPP, help="xllamacpp, or the path of a llama-server binary")
    return parser.parse_args()


if __name__ == "__main__":
    main()
