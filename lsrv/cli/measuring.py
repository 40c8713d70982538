"""How fast a server answers: streams of completions at once, timed by their client. Any OpenAI-compatible server.

Prefill is the prompts' tokens by the time until the last stream has begun; decode is what all streams got after their
first token by the time that took. Prompts differ from the first word, so that no cache knows any of them.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from lsrv.cli.client import JsonObject, ServerClient
from lsrv.errors import ServerError

_WORDS = (
    "time year people way day man thing woman life child world school state family student group country problem hand",
    "part place case week company system program question work government number night point home water room mother",
)
_VOCABULARY = " ".join(_WORDS).split()


@dataclass(frozen=True)
class BenchTarget:
    """A model of a server."""

    client: ServerClient
    model: str

    @property
    def name(self) -> str:
        return self.client.url


@dataclass(frozen=True)
class BenchCell:
    """`n_streams` prompts at once, each of about `n_depth` tokens, each answered with `n_tokens`."""

    n_streams: int
    n_depth: int
    n_tokens: int


@dataclass(frozen=True)
class BenchResult:
    """What one cell gave. `ttft_s` is the median of its streams; speeds are tokens per second of all together."""

    at: str
    n_streams: int
    n_prompt_tokens: int  # of one prompt, as the server counted them
    ttft_s: float
    prefill_tps: float
    decode_tps: float


@dataclass(frozen=True)
class _Stream:
    """Times in seconds of one clock."""

    began_s: float
    first_s: float
    last_s: float
    n_prompt_tokens: int
    n_completion_tokens: int


def measure(target: BenchTarget, cell: BenchCell, rng: random.Random) -> BenchResult:
    """One cell. Blocks as long as it takes. Raises ServerError with what the server said."""
    prompts = [_prompt(cell.n_depth, rng) for _ in range(cell.n_streams)]
    with ThreadPoolExecutor(cell.n_streams) as pool:
        streams = list(pool.map(functools.partial(_timed, target, cell.n_tokens), prompts))
    return summary(target.name, streams)


def warm_up(target: BenchTarget, rng: random.Random) -> None:
    """Have the model loaded: that is not what is measured."""
    _timed(target, 2, _prompt(1, rng))


def summary(at: str, streams: Sequence[_Stream]) -> BenchResult:
    """Times of streams as speeds. Pure. A stream of one token has no time between tokens, and gives no speed."""
    began_s = min(stream.began_s for stream in streams)
    all_begun_s = max(stream.first_s for stream in streams)
    first_s, last_s = min(stream.first_s for stream in streams), max(stream.last_s for stream in streams)
    n_after_first = sum(stream.n_completion_tokens - 1 for stream in streams)
    n_prompt = sum(stream.n_prompt_tokens for stream in streams)
    return BenchResult(
        at=at,
        n_streams=len(streams),
        n_prompt_tokens=round(n_prompt / len(streams)),
        ttft_s=median(stream.first_s - stream.began_s for stream in streams),
        prefill_tps=n_prompt / max(all_begun_s - began_s, 1e-9),
        decode_tps=n_after_first / (last_s - first_s) if last_s > first_s else 0.0,
    )


def _prompt(n_depth: int, rng: random.Random) -> str:
    """About that many tokens: common words are one each. It begins with a number that no other prompt has."""
    return " ".join([str(rng.randrange(10**9)), *(rng.choice(_VOCABULARY) for _ in range(max(0, n_depth - 4)))])


def _timed(target: BenchTarget, n_tokens: int, prompt: str) -> _Stream:
    body: JsonObject = {
        "model": target.model,
        "prompt": prompt,
        "max_tokens": n_tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    began_s = time.perf_counter()
    times: list[float] = []
    usage: JsonObject = {}
    for data in _chunks(target, body):
        if data.get("usage"):
            usage = data["usage"]
        if data.get("choices") and data["choices"][0].get("text"):
            times.append(time.perf_counter())
    if not times:
        raise ServerError(f"{target.name}: {target.model} answered with no text; ask for more --tokens")
    n_completion = int(usage.get("completion_tokens") or len(times))
    return _Stream(began_s, times[0], times[-1], int(usage.get("prompt_tokens") or 0), n_completion)


def _chunks(target: BenchTarget, body: JsonObject) -> Iterator[JsonObject]:
    for data in target.client.post_events("/v1/completions", body):
        if "error" in data:
            told: object = data["error"]
            message = told.get("message") if isinstance(told, dict) else told
            raise ServerError(f"{target.name}: {message}")
        yield data
