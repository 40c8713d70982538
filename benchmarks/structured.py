"""`python -m benchmarks.structured --peer PATH/llama-server`: answers bound to a JSON Schema, and free ones.

Both servers answer the same prompts with a form of long keys, choices and short texts, as extraction and tool calls
have them. What they write differs, so tokens per second count, and documents per second, and whether they are valid.
The aim: 1.3 times the peer's tokens per second.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.figures import ratios, spread
from benchmarks.load import LoadFigures, Work
from benchmarks.peers import ServerProcess, lsrv_server, make_peer
from benchmarks.session import answered, in_turns, session
from benchmarks.workload import add_peer_argument, add_server_arguments, find_workload, server_params

_MAX_TOKENS = 400


def _object(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_SHORT = {"type": "string", "maxLength": 12}
_SCHEMA = _object(
    customer_name=_SHORT,
    customer_email_domain={"enum": ["example.org", "example.com", "example.net"]},
    priority={"enum": ["low", "normal", "high", "urgent"]},
    requires_follow_up={"type": "boolean"},
    product=_object(category={"enum": ["hardware", "software", "service"]}, model_number=_SHORT),
    sentiment={"enum": ["positive", "neutral", "negative"]},
    number_of_previous_tickets={"type": "integer", "minimum": 0, "maximum": 99},
    suggested_actions={
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": _object(action={"enum": ["refund", "replace", "escalate"]}, reason_code=_SHORT),
    },
)


def _work(n_clients: int, n_requests: int, seed: int, *, is_bound: bool) -> Work:
    return Work(
        n_clients=n_clients,
        n_requests=n_requests,
        max_tokens=_MAX_TOKENS if is_bound else 100,
        is_ignoring_eos=not is_bound,
        fields=(("json_schema", _SCHEMA),) if is_bound else (),
        seed=seed,
    )


def _measure(server: ServerProcess, work: Work) -> tuple[LoadFigures, int]:
    """The figures, and how many answers are whole documents."""
    figures, answers = answered(server, work)
    return figures, sum(_is_document(answer.text) for answer in answers)


def _is_document(text: str) -> bool:
    try:
        return list(json.loads(text)) == list(_SCHEMA["properties"])  # type: ignore[call-overload]
    except ValueError:
        return False


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=args.clients)
    with session(params) as stack:
        ours = stack.enter_context(lsrv_server(params))
        peer = stack.enter_context(make_peer(args.peer, params))
        for n_clients in sorted({1, args.clients}):
            _compare(ours, peer, n_clients, args)


def _compare(ours: ServerProcess, peer: ServerProcess, n_clients: int, args: argparse.Namespace) -> None:
    rates: dict[tuple[str, bool], list[float]] = {}
    n_whole: dict[str, int] = {ours.name: 0, peer.name: 0}
    n_requests = max(args.requests, n_clients)
    for server in (ours, peer):
        _measure(server, _work(1, 1, 1000, is_bound=True))
    for number in range(args.rounds):
        for server in in_turns((ours, peer), number):
            for is_bound in (True, False):
                figures, n = _measure(server, _work(n_clients, n_requests, number, is_bound=is_bound))
                rates.setdefault((server.name, is_bound), []).append(figures.tok_s)
                n_whole[server.name] += n if is_bound else 0
    print(f"{n_clients} clients, {n_requests} requests a round, {args.rounds} rounds")
    for is_bound in (True, False):
        own, other = rates[ours.name, is_bound], rates[peer.name, is_bound]
        what, gains = "JSON" if is_bound else "free text", ratios(own, other)
        print(f"  {what:9}  lsrv {spread(own)} tok/s   {peer.name} {spread(other)} tok/s   lsrv / {peer.name} {gains}")
    print(f"  JSON / free text, lsrv alone: {ratios(rates[ours.name, True], rates[ours.name, False])}")
    n_all = args.rounds * n_requests
    print(f"  whole documents: lsrv {n_whole[ours.name]} of {n_all}, {peer.name} {n_whole[peer.name]} of {n_all}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="qwen-0.6b")
    parser.add_argument("--clients", type=int, default=4, help="at once; 1 is measured, too (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=4, help="of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    add_peer_argument(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
