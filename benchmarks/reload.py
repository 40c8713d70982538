"""`python -m benchmarks.reload`: the second turn of a chat after its model was unloaded and loaded again. lsrv alone.

Each round is a new chat of 400 words: first turn, unload, load, second turn; then unload, load and the second turn once
more, told to read everything (`cache_prompt = false`). The aim: the TTFT of the first is at most a fifth.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.figures import ratios, spread
from benchmarks.load import Work
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server
from benchmarks.peers.params import MODEL_NAME
from benchmarks.session import answered, session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_N_NEW_WORDS = 16
_MAX_TOKENS = 8


def _ttft_ms(server: ServerProcess, n_words: int, seed: int, *, n_new_words: int, is_caching: bool = True) -> float:
    """One request: a chat so far of `n_words`, and what is new."""
    work = Work(
        n_clients=1,
        n_requests=1,
        max_tokens=_MAX_TOKENS,
        n_prompt_words=n_new_words,
        n_shared_words=n_words,
        shared_seed=seed,
        seed=seed,
        is_caching=is_caching,
    )
    figures, _ = answered(server, work)
    return figures.ttft_p50


def _reload(server: ServerProcess) -> None:
    for verb, word in (("unload", "unloaded"), ("load", "loaded")):
        status, answer = server.post(f"/v1/models/{verb}", json.dumps({"model_id": MODEL_NAME}).encode())
        if status != 200 or json.loads(answer)["status"] != word:
            raise ServerFailedError(f"lsrv did not {verb}: {answer.decode()}")


def _measure(server: ServerProcess, args: argparse.Namespace) -> None:
    kept: list[float] = []
    computed: list[float] = []
    for seed in range(1, args.rounds + 1):
        _ttft_ms(server, args.words, seed, n_new_words=0)
        _reload(server)
        kept.append(_ttft_ms(server, args.words, seed, n_new_words=_N_NEW_WORDS))
        _reload(server)
        computed.append(_ttft_ms(server, args.words, seed, n_new_words=_N_NEW_WORDS, is_caching=False))
    print(f"second turn after unload and load, {args.words} words, TTFT in ms")
    print(f"  kept {spread(kept)}   computed again {spread(computed)}   computed / kept {ratios(computed, kept)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.set_defaults(context=1024)
    parser.add_argument("--words", type=int, default=400, help="of the chat so far (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    params = server_params(args, find_workload(args.model).path, n_slots=4)
    with session(params) as stack:
        server = stack.enter_context(lsrv_server(params))
        _measure(server, args)


if __name__ == "__main__":
    main()
