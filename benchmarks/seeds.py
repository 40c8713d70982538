"""`python -m benchmarks.seeds`: how many seeded answers are the same alone and beside others. lsrv's engine alone.

Every prompt is answered with its own seed: alone, alone once more, and among as many others as there are slots. Matrix
products of several rows are rounded in another order than those of one, so a token that was nearly as likely as
another may change places with it, and the text goes on from there. Alone there is no other order.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks import machine
from benchmarks.workload import find_workload
from lsrv.engine.detokenize import TextAssembler
from lsrv.engine.engine import Engine
from lsrv.engine.llama.backend import Backend
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.load.loading import LoadedModel, load_model
from lsrv.engine.sampling import fill_sampling
from lsrv.engine.sequence import Sequence
from lsrv.protocol.commands import KvMode, LoadParams, Sampling

_N_PROMPT_TOKENS = 16
_FIRST_PLAIN_TOKEN = 3  # behind the control tokens of small vocabularies; larger ones have theirs at the end
_TEMPERATURES = (0.0, 0.8)

Answers = list[list[int]]


def main() -> None:
    args = _arguments()
    backend = Backend()
    print(f"{machine.headline(machine.describe())}\n{args.prompts} prompts, {args.tokens} tokens, {args.slots} at once")
    print(f"{'model':24} {'kv':7} {'threads':7} {'temp':>4}   {'again alone':>12} {'among others':>13}   differs from")
    for model, kv, n_threads in itertools.product(args.model, get_args(KvMode), args.threads):
        path = find_workload(model).path
        params = LoadParams(
            model_path=str(path),
            n_ctx_seq=args.tokens + _N_PROMPT_TOKENS + 8,
            n_slots=args.slots,
            kv=kv,
            n_threads=n_threads,
            n_threads_batch=n_threads,
            cache_ram_bytes=0,
        )
        loaded = load_model(backend, params, lambda _stage, _fraction: None)
        for temperature in _TEMPERATURES:
            print(
                f"{_name(path)} {kv:7} {n_threads:7} {temperature:4}   {_compare(loaded, temperature, args)}",
                flush=True,
            )
        loaded.free()


def _compare(loaded: LoadedModel, temperature: float, args: argparse.Namespace) -> str:
    alone, again, together = (_answers(loaded, temperature, args, n_at_once) for n_at_once in (1, 1, args.slots))
    differing = [_first_difference(one, other) for one, other in zip(alone, together, strict=True) if one != other]
    where = f"token {np.median(differing):.0f} on (median)" if differing else ""
    return f"{_share(alone, again):>12} {_share(alone, together):>13}   {where}"


def _share(one: Answers, other: Answers) -> str:
    n_same = sum(a == b for a, b in zip(one, other, strict=True))
    return f"{n_same} of {len(one)}"


def _first_difference(one: list[int], other: list[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _answers(loaded: LoadedModel, temperature: float, args: argparse.Namespace, n_at_once: int) -> Answers:
    engine = loaded.generation
    assert engine is not None
    sequences = [_sequence(loaded, i, temperature, args.tokens) for i in range(args.prompts)]
    for start in range(0, len(sequences), n_at_once):
        _run(engine, sequences[start : start + n_at_once])
    return [sequence.generated for sequence in sequences]


def _run(engine: Engine, sequences: list[Sequence]) -> None:
    for sequence in sequences:
        engine.submit(sequence)
    while engine.has_work:
        engine.step()


def _sequence(loaded: LoadedModel, number: int, temperature: float, n_tokens: int) -> Sequence:
    """Answer `number`: a prompt and a seed of its own, nothing taken from the cache."""
    vocab = loaded.model.vocab
    values = fill_sampling(Sampling(temperature=temperature, seed=number), {}, loaded.info.n_ctx_seq)
    rng = np.random.default_rng(number)
    last = min(vocab.n_tokens, 2048)
    return Sequence(
        request_id=number,
        prompt=rng.integers(_FIRST_PLAIN_TOKEN, last, _N_PROMPT_TOKENS).astype(np.int32),
        sampler=None if values.is_plain_greedy else SamplerChain(values, vocab),
        text=TextAssembler(),
        n_max_tokens=n_tokens,
        submitted_at=time.perf_counter(),
        is_ignoring_eos=True,
        can_reuse_cache=False,
    )


def _name(path: Path) -> str:
    return f"{path.stem[:24]:24}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["stories", "lsrv/demo/lsrv-demo-F16.gguf"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--slots", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main()
