"""`python -m benchmarks.soak --minutes 60`: lsrv alone, two models in memory of seven, disturbed all the time.

1. Every answer is taken alone, at temperature 0. A text that changes in company of others (batches round by their
   shape) would say nothing about lsrv: such questions are left out, and shown.
2. Clients ask at a low rate, streamed and whole; some close the connection midway or send wrong bodies. Meanwhile
   workers are killed or stand still, the drive of the caches fails, is full or hangs, models are unloaded, loaded and
   reloaded, and the config is reloaded.
3. Every answer is compared. Exit code 1: a wrong or lost one, an error without a cause, growth of the parent process.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx2 as httpx
import psutil

from benchmarks import machine
from benchmarks.peers import ServerFailedError, ServerProcess
from benchmarks.peers.process import HOST
from benchmarks.soak.asking import Answer, ask, least_gap
from benchmarks.soak.chaos import Chaos
from benchmarks.soak.entries import copy_weights, write_config
from benchmarks.soak.judging import FAILURES, Outcome, Sample, growth, is_equal, judge
from benchmarks.soak.questions import Question, questions, refused
from tests.sick_disk import CAN_BE_MADE, SickDisk

_SAMPLE_S = 10.0
_COMPANY_ROUNDS = 3
_TIE = 0.002  # log-probability: batches of other shapes round differently, and may turn it
_MB = 1e6
_LEAVE_S = 10.0  # for workers' own children to learn that nobody is left


class Soak:
    """The clients: what they ask, what it should be, and how it came out."""

    def __init__(self, client: httpx.AsyncClient, chaos: Chaos, rng: random.Random) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.references: dict[Question, object] = {}
        self._client = client
        self._chaos = chaos
        self._rng = rng

    async def take_references(self) -> list[Question]:
        """Every answer alone, then beside the others of its entry; returns the questions that company may change."""
        unstable: dict[Question, object] = {}
        for question in questions():
            self.references[question] = _value(question, await ask(self._client, question))
            if question.can_stream and await least_gap(self._client, question) < _TIE:
                unstable[question] = "two tokens are as good as equal"
        for _ in range(_COMPANY_ROUNDS):
            for entry in {question.entry for question in self.references}:
                group = [question for question in self.references if question.entry == entry]
                self._rng.shuffle(group)
                answers = await asyncio.gather(*(ask(self._client, question) for question in group))
                for question, answer in zip(group, answers, strict=True):
                    if not is_equal(question, self.references[question], _value(question, answer)):
                        unstable[question] = answer.value
        for question in unstable:
            self.references.pop(question, None)
        return list(unstable)

    async def be_client(self, mean_pause_s: float) -> None:
        """Ask forever, one thing after another; now and then three at once, which a shared KV cache has no room for."""
        known, wrong = list(self.references), refused()
        shared = [question for question in known if question.entry == "shared"]
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / mean_pause_s))
            dice = self._rng.random()
            if dice < 0.05:
                group = [self._rng.choice(wrong)]
            elif dice < 0.15:
                group = self._rng.choices(shared, k=3)
            else:
                group = [self._rng.choice(known)]
            await asyncio.gather(*map(self._ask_one, group))

    async def _ask_one(self, question: Question) -> None:
        is_streaming = question.can_stream and self._rng.random() < 0.6
        fields = {"response_cache": False} if question.entry == "cached" and self._rng.random() < 0.5 else {}
        answer = await ask(
            self._client,
            question,
            is_streaming=is_streaming,
            cancel_after_s=self._rng.uniform(0.005, 0.2) if self._rng.random() < 0.1 else None,
            fields=fields,
            on_text=self._chaos.on_text,
        )
        await asyncio.sleep(0.2)  # a forced unload may still be on its way to say when it was
        outcome = judge(question, self.references.get(question), answer, self._chaos.incidents)
        self.outcomes[outcome] += 1
        if outcome in FAILURES or outcome is Outcome.DIED_EARLY:
            print(_report(question, self.references.get(question), answer, outcome), flush=True)


def _value(question: Question, answer: Answer) -> object:
    if answer.value is None:
        raise ServerFailedError(f"no reference for {question}: {answer}")
    return answer.value


def _report(question: Question, reference: object, answer: Answer, outcome: Outcome) -> str:
    took_s = answer.ended_at - answer.began_at
    said = f"{answer.status} {answer.code} {answer.message}{answer.lost}"
    shown = f"\n  got      {answer.text or answer.value!r:.300}\n  expected {reference!r:.300}"
    return f"{time.strftime('%X')} {outcome.value}: {question} after {took_s:.2f} s: {said}{shown}"


async def sample(pid: int, samples: list[Sample]) -> None:
    """One of `samples` every ten seconds."""
    process = psutil.Process(pid)
    while True:
        await asyncio.sleep(_SAMPLE_S)
        samples.append(
            Sample(
                rss_mb=process.memory_info().rss / _MB,
                n_fds=process.num_fds(),
                n_sockets=len(process.net_connections()),
                n_children=len(process.children(recursive=True)),
            )
        )


async def soak(server: ServerProcess, config: Path, disk: SickDisk | None, args: argparse.Namespace) -> bool:
    """The whole run; returns whether nothing went wrong."""
    rng = random.Random(args.seed)
    change_config = functools.partial(_change_config, config, server.port)
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=None) as client:
        chaos = Chaos(client, server.pid, change_config, disk, rng)
        run = Soak(client, chaos, rng)
        unstable = await run.take_references()
        print(f"{len(run.references)} questions; left out, for company may change them: {len(unstable)}", flush=True)
        for question in unstable:
            print(f"  {question}")
        samples: list[Sample] = []
        tasks = [chaos.act(), chaos.poll(), sample(server.pid, samples)]
        tasks += [run.be_client(args.clients / args.rate) for _ in range(args.clients)]
        try:
            async with asyncio.timeout(60 * args.minutes):
                await asyncio.gather(*tasks)
        except TimeoutError:
            pass  # the time is over
    return _print_verdict(run, chaos, samples)


def _change_config(config: Path, port: int, change: str) -> None:
    if change == "bad":
        config.write_text("[server]\nkeep_alife = 3\n")
    else:
        write_config(config, port, change)


def _print_verdict(run: Soak, chaos: Chaos, samples: list[Sample]) -> bool:
    print(f"\n{run.outcomes.total()} requests")
    for outcome in Outcome:
        print(f"  {run.outcomes[outcome]:>6}  {outcome.value}")
    print("meanwhile: " + ", ".join(f"{act} {count}" for act, count in sorted(chaos.n_acts.items())))
    print(f"problems with verbs and reports: {len(chaos.problems)}")
    figures = growth(samples)
    print(f"\nparent process, {len(samples)} samples: median of the first and the last quarter")
    for each in figures:
        print(f"  {each.name:<12}{each.first:>8.1f} {each.last:>8.1f}  {'flat' if each.is_flat else 'GROWN'}")
    n_failures = sum(run.outcomes[outcome] for outcome in FAILURES) + len(chaos.problems)
    return n_failures == 0 and all(each.is_flat for each in figures)


def main() -> None:
    args = _arguments()
    print(machine.headline(machine.describe()), flush=True)
    with tempfile.TemporaryDirectory(prefix="lsrv-soak-") as name:
        config = Path(name) / "models.toml"
        copy_weights(config.parent)
        disk = SickDisk(config.parent / "sick") if CAN_BE_MADE else None
        environ = {} if disk is None else disk.environ | {"LSRV_CACHE": str(disk.folder)}

        def make_command(port: int, folder: Path) -> list[str]:
            write_config(config, port)
            return [str(Path(sys.executable).with_name("lsrv")), "from-config", "-f", str(config)]

        try:
            with ServerProcess("lsrv", make_command, environ=environ) as server:
                is_good = asyncio.run(soak(server, config, disk, args))
                family = psutil.Process(server.pid).children(recursive=True)
        except ServerFailedError as error:
            sys.exit(f"error: {error}")
    _, left = psutil.wait_procs(family, timeout=_LEAVE_S)
    print(f"processes left behind: {len(left)}")
    sys.exit(0 if is_good and not left else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1.5, help="requests per second, all clients together")
    parser.add_argument("--seed", type=int, default=0, help="of what is asked and disturbed (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
