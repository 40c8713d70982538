"""`python -m benchmarks.speculation`: lsrv with guesses against lsrv without, on the same file. lsrv alone.

A model with random weights copies nothing. Where a bias leaves it one token, its text repeats and every guess is right:
the most there is to win. At temperature 1 it never repeats anything: guesses can only cost. The aims: 1.5 times the
tokens per second where text repeats, at least 0.97 times elsewhere, in the first answers after a load, too. So every
round begins with new servers, which know nothing about this machine.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from benchmarks.figures import ratios, spread
from benchmarks.load import Work
from benchmarks.peers import ServerProcess, lsrv_server
from benchmarks.session import answered, in_turns, session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_Fields = tuple[tuple[str, object], ...]
_TOKEN = 300  # an ordinary one in every vocabulary that is measured
_TEXTS: dict[str, _Fields] = {
    "repeating": (("logit_bias", [[_TOKEN, 100]]),),
    "elsewhere": (("top_k", 0), ("top_p", 1.0), ("min_p", 0.0)),
}


@dataclass
class _Rates:
    """Tokens per second of the same answers, one value for each round."""

    guessing: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{spread(self.guessing)} / {spread(self.plain)} tok/s = {ratios(self.guessing, self.plain)}"


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=max(args.clients))
    speculative = {"mode": "draft", "draft": args.draft} if args.draft else {"mode": "lookup"}
    with session(params) as stack:
        # A spare worker would start beside the first answers.
        plain = stack.enter_context(lsrv_server(params, name="plain", spare_workers=0))
        guessing = stack.enter_context(
            lsrv_server(params, name=speculative["mode"], spare_workers=0, speculative=speculative)
        )
        for n_clients in args.clients:
            for text in _TEXTS:
                first, later = _compare(guessing, plain, args, n_clients, text)
                print(
                    f"{n_clients} clients, {text:9}  {guessing.name} / plain: first {first}   later {later}", flush=True
                )


def _compare(
    guessing: ServerProcess, plain: ServerProcess, args: argparse.Namespace, n_clients: int, text: str
) -> tuple[_Rates, _Rates]:
    """The first answers after a load, and those to the same number of clients that come next."""
    first, later = _Rates(), _Rates()
    for number in range(args.rounds):
        guessing.restart()
        plain.restart()
        for seed, rates in enumerate((first, later)):
            for server in in_turns((guessing, plain), number):
                own = rates.guessing if server is guessing else rates.plain
                own.append(_tok_s(server, args, n_clients, _TEXTS[text], 2 * number + seed))
    return first, later


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.add_argument("--draft", help="the GGUF of a draft model; without it tokens are looked up in the text")
    parser.add_argument("--tokens", type=int, default=192, help="of an answer (default: %(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4], help="at once (default: 1 4)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
