"""`python -m benchmarks.embeddings --peer LLAMA_SERVER`: `/v1/embeddings` against llama-server, texts per second.

The model is all-MiniLM-L6-v2, fetched and converted here, or `--model`. Each client sends its
next request when the last one has ended. Rounds alternate which server goes first.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import spread
from benchmarks.peers import ServerFailedError, ServerProcess, lsrv_server, make_peer
from benchmarks.peers.params import MODEL_NAME
from benchmarks.peers.process import HOST
from benchmarks.session import in_turns, session
from benchmarks.workload import add_server_arguments, server_params
from tests.models.minilm import minilm

_WORDS = ("the", "cat", "sat", "on", "a", "mat", "while", "little", "girl", "went", "to", "park", "with", "her", "ball")


@dataclass(frozen=True)
class Load:
    """`n_words` of a text: about its tokens, less two."""

    n_clients: int
    n_texts: int  # of one request
    n_words: int

    def bodies(self, seed: int, n_words_total: int) -> list[bytes]:
        """Requests that carry about `n_words_total` words together, some for each client."""
        rng = random.Random(seed)
        n_requests = max(self.n_clients, n_words_total // (self.n_texts * self.n_words))
        return [
            json.dumps({"model": MODEL_NAME, "input": [self._text(rng) for _ in range(self.n_texts)]}).encode()
            for _ in range(n_requests)
        ]

    def _text(self, rng: random.Random) -> str:
        return " ".join(rng.choices(_WORDS, k=rng.randint(self.n_words // 2, self.n_words * 3 // 2)))

    def __str__(self) -> str:
        return f"{self.n_clients} clients x {self.n_texts} texts of about {self.n_words} words"


def texts_per_s(server: ServerProcess, load: Load, bodies: list[bytes]) -> float:
    """Raises ServerFailedError if a single request is refused."""

    def ask(body: bytes) -> None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=600)
        connection.request("POST", "/v1/embeddings", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ServerFailedError(f"{server.name}: {text[:500]!r}\n{server.log_tail()}")

    started = time.perf_counter()
    with ThreadPoolExecutor(load.n_clients) as pool:
        list(pool.map(ask, bodies))
    return len(bodies) * load.n_texts / (time.perf_counter() - started)


def measure(servers: list[ServerProcess], load: Load, args: argparse.Namespace) -> None:
    rounds: list[dict[str, float]] = []
    for seed in range(args.rounds):
        bodies = load.bodies(seed, args.words)
        rounds.append({server.name: texts_per_s(server, load, bodies) for server in in_turns(servers, seed)})
    print(f"{load}")
    for server in servers:
        print(f"  {server.name:<16}{spread([each[server.name] for each in rounds])} texts/s")
    ours, *others = (server.name for server in servers)
    for other in others:
        print(f"  {ours} / {other:<8}{spread([each[ours] / each[other] for each in rounds])}", flush=True)


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory() as name:
        path = Path(args.model) if args.model else _minilm(Path(name))
        params = server_params(args, path, n_slots=args.slots)
        with session(params) as stack:
            servers = [stack.enter_context(lsrv_server(params))]
            if args.peer:
                servers.append(stack.enter_context(make_peer(args.peer, params, flags=("--embeddings",))))
            for n_clients, n_texts, n_words in ((1, 1, 12), (8, 1, 12), (1, 64, 12), (8, 16, 12), (4, 8, 200)):
                measure(servers, Load(n_clients, n_texts, n_words), args)


def _minilm(folder: Path) -> Path:
    from lsrv.frontdoor.making.convert.conversion import write_gguf

    path = folder / "all-MiniLM-L6-v2-F32.gguf"
    write_gguf(minilm(), path, path.stem, lambda _n_bytes, _n_bytes_total: None)
    return path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_arguments(parser, model="")
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--words", type=int, default=8000, help="of all texts together, per round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--peer", help="a llama-server binary")
    return parser.parse_args()


if __name__ == "__main__":
    main()
