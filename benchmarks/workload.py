"""The models that are measured, and how much of each makes a run long enough to mean something."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Work
from benchmarks.make_model import ensure_model
from benchmarks.peers import ServerParams
from tests.models import STORIES


@dataclass(frozen=True)
class Workload:
    """A model, and the amount of work that takes some seconds on two cores."""

    path: Path
    max_tokens: int
    n_requests_per_client: int
    n_requests_min: int

    def work(self, n_clients: int, seed: int) -> Work:
        """One load of `n_clients` clients; another seed gives other prompts, which no cache knows."""
        n_requests = max(self.n_requests_min, self.n_requests_per_client * n_clients)
        return Work(n_clients=n_clients, n_requests=n_requests, max_tokens=self.max_tokens, seed=seed)


def find_workload(model: str) -> Workload:
    """`stories` (the 1 MB model of the tests), `qwen-0.6b` (written here if missing), or the path of a GGUF."""
    if model == "stories":
        return Workload(STORIES, max_tokens=128, n_requests_per_client=16, n_requests_min=48)
    path = ensure_model() if model == "qwen-0.6b" else Path(model)
    if not path.is_file():
        raise SystemExit(f'{model} is no GGUF file. Name one, or "stories", or "qwen-0.6b".')
    return Workload(path, max_tokens=64, n_requests_per_client=2, n_requests_min=4)


def add_server_arguments(parser: argparse.ArgumentParser, *, model: str) -> None:
    """What all measurements may be told about the servers."""
    n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--model", default=model, help="stories, qwen-0.6b, or the path of a GGUF")
    parser.add_argument("--threads", type=int, default=n_cpus, help="llama.cpp's threads (default: %(default)s)")
    parser.add_argument("--context", type=int, default=512, help="cells per sequence (default: %(default)s)")
    parser.add_argument("--ubatch", type=int, default=512)
    parser.add_argument("--kv-shared", action="store_true", help="one KV cache for all slots, on both sides")
    parser.add_argument("--repack", action="store_true", help="let both sides repack weights")
    parser.add_argument("--gpu-layers", type=int, default=0)


def add_peer_argument(parser: argparse.ArgumentParser) -> None:
    """With whom lsrv is compared."""
    parser.add_argument("--peer", default="xllamacpp", help="xllamacpp, or the path of a llama-server binary")


def server_params(args: argparse.Namespace, path: Path, n_slots: int) -> ServerParams:
    """The parameters that `add_server_arguments` described."""
    return ServerParams(
        model_path=path,
        n_slots=n_slots,
        n_ctx_seq=args.context,
        n_threads=args.threads,
        n_ubatch=args.ubatch,
        n_gpu_layers=args.gpu_layers,
        is_kv_shared=args.kv_shared,
        use_extra_bufts=args.repack,
    )
