"""`python -m benchmarks.convert`: a folder of safetensors to a GGUF to Q4_K_M: seconds, and memory at its highest.

Qwen3-0.6B's shape with random bfloat16 weights, written to a temporary folder first (3 GB in all), so that the source
is in the page cache, as after a download. Each step runs in lsrv's own child process; pages of the source that it has
mapped count as its RSS.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine, shape
from benchmarks.checkpoint import write_checkpoint
from benchmarks.figures import spread
from lsrv.frontdoor.making.convert import convert
from lsrv.frontdoor.making.quantize import quantize

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_MB = 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quant", default="Q4_K_M")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made (default: the system's)")
    args = parser.parse_args()
    print(f"{machine.headline(machine.describe())}\n", flush=True)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        source = write_checkpoint(folder / "source")
        full, small = folder / "full.gguf", folder / "small.gguf"
        print(f"source {_size(source / 'model.safetensors')}, its largest tensor {_largest_tensor_mb():.0f} MB")
        _print_step("convert", args.rounds, full, lambda: convert(source, full))
        _print_step(f"quantize to {args.quant}", args.rounds, small, lambda: quantize(full, small, args.quant))


def _print_step(name: str, n_rounds: int, made: Path, step: Callable[[], object]) -> None:
    rounds = [_measured(step) for _ in range(n_rounds)]
    seconds, peaks = zip(*rounds, strict=True)
    print(f"{name:<20} {spread(list(seconds))} s, at most {max(peaks) / _MB:.0f} MB of RSS, {_size(made)} written")


def _measured(step: Callable[[], object]) -> tuple[float, float]:
    """(seconds, highest RSS in bytes of the step's child). A fork for each, for RUSAGE_CHILDREN never goes down."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        sender.send((seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _RSS_UNIT))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"error: the step ended with exit code {process.exitcode}")
    return receiver.recv()


def _size(path: Path) -> str:
    return f"{path.stat().st_size / _MB:.0f} MB"


def _largest_tensor_mb() -> float:
    return 2 * shape.N_VOCAB * shape.N_EMBD / _MB


if __name__ == "__main__":
    main()
