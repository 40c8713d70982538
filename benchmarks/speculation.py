"""`python -m benchmarks.speculation`: lsrv with guesses against lsrv without, on the same file. lsrv alone.

A model with random weights copies nothing. Where a bias leaves it one token, its text repeats and every guess is right:
the most there is to win. At temperature 1 it never repeats anything: guesses can only cost. The aims: 1.5 times the
tokens per second where text repeats, at least 0.97 times elsewhere.
"""

from __future__ import annotations

import argparse

from benchmarks.figures import spread
from benchmarks.load import Work
from benchmarks.peers import ServerProcess, lsrv_server
from benchmarks.session import answered, in_turns, session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_Fields = tuple[tuple[str, object], ...]
_TEXTS: dict[str, _Fields] = {
    "repeating": (("logit_bias", [[1000, 100]]),),
    "elsewhere": (("top_k", 0), ("top_p", 1.0), ("min_p", 0.0)),
}


def _tok_s(server: ServerProcess, args: argparse.Namespace, n_clients: int, fields: _Fields, seed: int) -> float:
    work = Work(
        n_clients=n_clients,
        n_requests=n_clients,
        max_tokens=args.tokens,
        temperature=1.0,
        fields=fields,
        seed=seed,
    )
    figures, _ = answered(server, work)
    return figures.tok_s


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.clients)
    speculative = {"mode": "draft", "draft": args.draft} if args.draft else {"mode": "lookup"}
    with session(params) as stack:
        plain = stack.enter_context(lsrv_server(params, name="plain"))
        guessing = stack.enter_context(lsrv_server(params, name=speculative["mode"], speculative=speculative))
        for n_clients in sorted({1, args.clients}):
            for text in _TEXTS:
                _compare(guessing, plain, args, n_clients, text)


def _compare(
    guessing: ServerProcess, plain: ServerProcess, args: argparse.Namespace, n_clients: int, text: str
) -> None:
    rates: dict[str, list[float]] = {guessing.name: [], plain.name: []}
    for number in range(args.rounds):
        for server in in_turns((guessing, plain), number):
            rates[server.name].append(_tok_s(server, args, n_clients, _TEXTS[text], number))
    own, other = rates[guessing.name], rates[plain.name]
    ratios = spread([mine / theirs for mine, theirs in zip(own, other, strict=True)])
    print(
        f"{n_clients} clients, {text:9}  {guessing.name} {spread(own)} tok/s   plain {spread(other)} tok/s   "
        f"{guessing.name} / plain {ratios}",
        flush=True,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.add_argument("--draft", help="the GGUF of a draft model; without it tokens are looked up in the text")
    parser.add_argument("--tokens", type=int, default=192, help="of an answer (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="at once; 1 is measured, too (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
