"""`python -m benchmarks.tools`: what tools cost a chat, lsrv alone: per request, and per token.

Chats of one history of four turns take turns: without tools, and with 20, 100 and 300. The template writes no more of
tools than their names: reading the prompt is llama.cpp's work, and would be most of what is measured.

- later: (time at the client - time inside llama_decode) / requests, for answers of one token, one after another.
- first: the same for one request whose tools were never seen: they are tried, compiled and kept.
- per token: time in steps outside llama_decode, of streams alone, against all time in steps of free text without tools.
  With tools it is free text in which a call may begin at any token; `required` ones follow from the form mostly.
"""

from __future__ import annotations

import argparse

from benchmarks.figures import spread
from benchmarks.load import Work
from benchmarks.overhead import measure
from benchmarks.peers import ServerProcess, lsrv_server
from benchmarks.session import in_turns, session
from benchmarks.workload import add_server_arguments, find_workload, server_params

_COUNTS = (0, 20, 100, 300)
_TEMPLATE = (
    "{% for tool in tools or [] %}{{ tool.function.name }} {% endfor %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</tool_call>'
    "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_HISTORY = (
    ("user", "What is the weather like?"),
    ("assistant", "It is raining."),
    ("user", "And tomorrow?"),
    ("assistant", "It is dry, with some sun."),
)
_WORD = {"type": "string", "maxLength": 12}
_WHEN = {"type": "object", "properties": {"day": _WORD, "hour": {"type": "integer"}}, "required": ["day"]}
_PROPERTIES = {
    "place": _WORD,
    "kind_of_place": {"enum": ["inside", "outside"]},
    "number_of_seats": {"type": "integer", "minimum": 1, "maximum": 12},
    "when": _WHEN,
}


def _tools(n: int, name: str) -> list[dict[str, object]]:
    """What an agent offers. Another `name` is another set."""
    parameters = {"type": "object", "properties": _PROPERTIES, "required": list(_PROPERTIES)}
    about = {"description": "Find a table at a place, and book it.", "parameters": parameters}
    return [{"type": "function", "function": {"name": f"{name}_{at}", **about}} for at in range(n)]


def _work(n_tools: int, n_requests: int, max_tokens: int, seed: int, *, choice: str = "auto", name: str = "t") -> Work:
    tools = (("tools", _tools(n_tools, name)), ("tool_choice", choice))
    return Work(
        n_clients=1,
        n_requests=n_requests,
        max_tokens=max_tokens,
        is_chat=True,
        history=_HISTORY,
        is_streaming=choice == "auto" and max_tokens > 1,
        is_ignoring_eos=choice == "auto",
        fields=tools if n_tools else (),
        seed=seed,
    )


def print_requests(server: ServerProcess, n_requests: int, n_rounds: int) -> None:
    """The first request with a set of tools, and later ones."""
    later: dict[int, list[float]] = {n: [] for n in _COUNTS}
    first: dict[int, list[float]] = {n: [] for n in _COUNTS}
    for number in range(n_rounds):
        for n in in_turns(_COUNTS, number):
            for found, n_asked in ((first, 1), (later, n_requests)):
                seen = measure(server, _work(n, n_asked, 1, 2 * number + n_asked, name=f"find_{number}"))
                found[n].append(1e3 * (seen.e2e_s - seen.engine.compute_s) / n_asked)
    for n in _COUNTS:
        more = [each - plain for each, plain in zip(later[n], later[0], strict=True)]
        print(
            f"per request, {n:>3} tools: later {spread(later[n])} ms, {spread(more)} more; first {spread(first[n])} ms"
        )


def print_tokens(server: ServerProcess, max_tokens: int, n_rounds: int) -> None:
    """Streams alone, in turns."""
    kinds = [(0, "auto"), (20, "auto"), (300, "auto"), (20, "required")]
    outside: dict[tuple[int, str], list[float]] = {kind: [] for kind in kinds}
    plain: list[float] = []
    for number in range(n_rounds):
        for kind in in_turns(kinds, number):
            seen = measure(server, _work(kind[0], 8, max_tokens, 100 + number, choice=kind[1]))
            engine = seen.engine
            outside[kind].append(1e6 * engine.overhead_s / seen.n_tokens)
            if not kind[0]:
                plain.append(1e6 * (engine.overhead_s + engine.compute_s) / seen.n_tokens)
    for kind in kinds:
        more = [100 * (a - b) / c for a, b, c in zip(outside[kind], outside[kinds[0]], plain, strict=True)]
        print(f"per token, {kind[0]:>3} tools, {kind[1]:>8}: {spread(outside[kind])} µs, {spread(more)} % more")


def main() -> None:
    args = _arguments()
    params = server_params(args, find_workload(args.model).path, n_slots=1)
    with session(params) as stack:
        server = stack.enter_context(lsrv_server(params, chat_template=_TEMPLATE))
        print_requests(server, args.requests, args.rounds)
        print_tokens(server, args.max_tokens, args.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="stories")
    parser.set_defaults(context=8192)
    parser.add_argument("--requests", type=int, default=50, help="later requests of a round (default: %(default)s)")
    parser.add_argument("--max-tokens", type=int, default=256, help="tokens per stream (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
