"""`python -m benchmarks.soak.crowd`: many at once, and nothing lost.

1. 300 streams at a time for a minute, of which 40 % leave midway: those who stay get their whole answer.
2. 2,000 requests at a time through a queue of 64: each is answered, or refused with 429 and asked again in time.

Exit code 1 for anything else, and for memory or descriptors of the parent that grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path

import httpx2 as httpx
import psutil

from benchmarks import machine
from benchmarks.peers import ServerProcess
from benchmarks.peers.process import HOST
from tests.models import STORIES

_N_TOKENS = 24
_MIDWAY_CHUNKS = 8  # a chunk has several tokens where a client reads slowly
_MOST_FDS_MORE = 8
_MOST_MB_MORE = 40.0
# A connection that waits for as long as Retry-After says is closed by the server, maybe just as it is used again.
# With thousands at once this client itself takes longer than the ten seconds in which a request's headers must come.
_LIMITS = httpx.Limits(max_connections=500, keepalive_expiry=1.0)


class Crowd:
    """Clients of one model, and how their requests ended."""

    def __init__(self, client: httpx.AsyncClient, rng: random.Random) -> None:
        self.ends: Counter[str] = Counter()
        self._client = client
        self._rng = rng

    async def streams(self, n: int, seconds: float) -> None:
        """`n` at a time, each followed by the next one until the time is over."""
        end_s = time.monotonic() + seconds

        async def one_after_another() -> None:
            while time.monotonic() < end_s:
                await self._note(self._stream(leaves=self._rng.random() < 0.4))

        await asyncio.gather(*(one_after_another() for _ in range(n)))

    async def _stream(self, *, leaves: bool) -> str:
        n_wanted = self._rng.randrange(1, _MIDWAY_CHUNKS) if leaves else None
        n_chunks = 0
        async with self._client.stream("POST", "/v1/completions", json=_body(stream=True)) as answer:
            if answer.status_code != httpx.codes.OK:
                return f"refused: {answer.status_code}"
            async for line in answer.aiter_lines():
                if line == "data: [DONE]":
                    return "whole"
                if line.startswith("data:") and "error" in json.loads(line[5:]):
                    return f"an error: {line[:200]}"
                n_chunks += line.startswith("data:")
                if n_chunks == n_wanted:
                    return "left"
        return "cut short"

    async def requests(self, n: int) -> None:
        """`n` at once, each asked until it is answered."""
        await asyncio.gather(*(self._note(self._request()) for _ in range(n)))

    async def _note(self, asked: Coroutine[object, object, str]) -> None:
        """Count how one request ended; a connection that breaks is one that was lost."""
        try:
            self.ends[await asked] += 1
        except httpx.TransportError as error:
            self.ends[f"lost: {error!r}"] += 1

    async def _request(self) -> str:
        while True:
            answer = await self._client.post("/v1/completions", json=_body(stream=False))
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
            self.ends["asked again"] += 1
            await asyncio.sleep(float(answer.headers["retry-after"]) * self._rng.uniform(0.2, 1.0))
        is_whole = answer.status_code == httpx.codes.OK and answer.json()["choices"][0]["text"]
        return "answered" if is_whole else f"refused: {answer.status_code}"


def _body(*, stream: bool) -> dict[str, object]:
    model = "streams" if stream else "requests"
    return {"model": model, "prompt": "Once upon a time", "max_tokens": _N_TOKENS, "stream": stream}


async def _run(server: ServerProcess, args: argparse.Namespace) -> bool:
    rng, process = random.Random(args.seed), psutil.Process(server.pid)
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=None, limits=_LIMITS) as client:
        await client.post("/v1/completions", json=_body(stream=False))
        first, second = Crowd(client, rng), Crowd(client, rng)
        await first.streams(args.streams, 2.0)
        first.ends.clear()
        await asyncio.sleep(1.0)
        before = process.memory_info().rss, process.num_fds()
        await first.streams(args.streams, args.seconds)
        print(f"{args.streams} streams for {args.seconds:g} s: {_shown(first.ends)}", flush=True)
        await second.requests(args.requests)
        print(f"{args.requests} requests through a queue of 64: {_shown(second.ends)}", flush=True)
    await asyncio.sleep(2.0)  # until the last connections are closed
    mb_more, fds_more = (process.memory_info().rss - before[0]) / 1e6, process.num_fds() - before[1]
    print(f"parent process afterwards: {mb_more:+.1f} MB, {fds_more:+d} descriptors")
    is_right = not (first.ends.keys() - {"whole", "left"}) and not (second.ends.keys() - {"answered", "asked again"})
    return is_right and mb_more <= _MOST_MB_MORE and fds_more <= _MOST_FDS_MORE


def _shown(ends: Counter[str]) -> str:
    return ", ".join(f"{n} {end}" for end, n in ends.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(machine.headline(machine.describe()), flush=True)
    with tempfile.TemporaryDirectory(prefix="lsrv-crowd-") as name:
        config = Path(name) / "models.toml"

        def make_command(port: int, _folder: Path) -> list[str]:
            text = f"[server]\nport = {port}\n"
            for alias, queue in (("streams", args.streams), ("requests", 64)):
                shutil.copyfile(STORIES, config.with_name(f"{alias}.gguf"))
                text += f'[[models]]\nmodel_id = "{alias}.gguf"\nalias = "{alias}"\nqueue = {queue}\n'
                text += "context = { context_length = 128, slots = 8 }\n"
            config.write_text(text)
            return [str(Path(sys.executable).with_name("lsrv")), "from-config", "-f", str(config)]

        with ServerProcess("lsrv", make_command) as server:
            is_good = asyncio.run(_run(server, args))
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
